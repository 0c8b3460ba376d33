# SPDX-License-Identifier: Apache-2.0
"""A volume has the size that was asked for, in the pod and in kubelet's figures."""

from __future__ import annotations

import re

import pytest

from kube import Kube
from manifests import claim, dump, pod, storage_class

MIB = 1 << 20

# Each backend with the least size that its filesystem takes.
BACKENDS = {
    "image": ({"backend": "image"}, 64),
    "directory": ({"backend": "directory", "pool": "fast"}, 64),
}


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest, kube: Kube, cluster_objects) -> tuple[str, int]:
    """A class of the backend, and a size in MiB."""
    parameters, size = BACKENDS[request.param]
    name = f"{kube.namespace}-{request.param}"
    cluster_objects(storage_class(name, parameters))
    return name, size


def stats_of(kube: Kube, node: str) -> dict[tuple[str, str], int]:
    """kubelet_volume_stats_*: (metric, claim) of this namespace → value."""
    text = kube.raw(f"/api/v1/nodes/{node}/proxy/metrics")
    pattern = re.compile(
        r'^kubelet_volume_stats_(\w+){namespace="([^"]+)",persistentvolumeclaim="([^"]+)"} (\S+)$',
        re.MULTILINE)
    return {(metric, name): int(float(value))
            for metric, namespace, name, value in pattern.findall(text)
            if namespace == kube.namespace}


@pytest.mark.core
def test_pod_can_write_what_it_asked_for_and_no_more(kube: Kube, backend: tuple[str, int]) -> None:
    class_name, size = backend
    kube.apply(dump(claim("data", f"{size}Mi", class_name), pod("writer", ["data"])))
    kube.running("writer")
    kube.shell("writer", f"dd if=/dev/zero of=/data/half bs=1M count={size // 2} conv=fsync 2>&1")
    said = kube.shell(
        "writer", f"dd if=/dev/zero of=/data/rest bs=1M count={size} conv=fsync 2>&1 || true")
    assert re.search("No space left|Disk quota exceeded|quota", said), said
    used = int(kube.shell("writer", "du -sk /data | cut -f1")) * 1024
    assert size * MIB // 2 <= used <= size * MIB


def test_kubelets_figures_are_each_volumes_own(kube: Kube, backend: tuple[str, int]) -> None:
    class_name, size = backend
    kube.apply(dump(
        claim("full", f"{size}Mi", class_name), claim("empty", f"{2 * size}Mi", class_name),
        pod("writer", ["full", "empty"])))
    node = kube.running("writer")["spec"]["nodeName"]
    kube.shell("writer", f"dd if=/dev/zero of=/full/file bs=1M count={size // 2} conv=fsync 2>&1")

    def told() -> dict[tuple[str, str], int] | None:
        stats = stats_of(kube, node)
        # Kubelet looks at volumes once a minute.
        fresh = stats.get(("used_bytes", "full"), 0) >= size // 2 * MIB
        return stats if fresh and ("used_bytes", "empty") in stats else None

    stats = kube.eventually("kubelet has the figures", told)
    for name, mib in (("full", size), ("empty", 2 * size)):
        capacity = stats["capacity_bytes", name]
        # A filesystem needs some of an image for itself.
        assert mib * MIB * 3 // 4 <= capacity <= mib * MIB, stats
        assert stats["available_bytes", name] <= capacity - stats["used_bytes", name], stats
        assert stats["inodes_used", name] > 0, stats
    assert stats["used_bytes", "empty"] < size // 2 * MIB, stats
