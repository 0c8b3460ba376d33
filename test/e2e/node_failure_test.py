# SPDX-License-Identifier: Apache-2.0
"""Kubelets, drivers, controllers and nodes end; what was written is there, and nothing hangs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.config import POOLS
from installation import Installation, Reinstall
from kube import Kube
from manifests import claim, dump, pod, storage_class
from testbed import Testbed

# Appends a number a tick to a file, each on the disk before the next.
WRITER = """
trap exit TERM
n=$(tail -n 1 /data/log 2>/dev/null || true); n=${n:-0}
while :; do
  n=$((n + 1)); echo $n >> /data/log; sync -d /data/log 2>/dev/null || sync; sleep 0.2
done
"""


def lines(kube: Kube, name: str) -> list[int]:
    """What a writer has written so far."""
    return [int(line) for line in kube.shell(name, "cat /data/log").split()]


def assert_unbroken(numbers: list[int]) -> None:
    """None is missing, none is there twice."""
    assert numbers == list(range(1, len(numbers) + 1)), numbers


def start_writer(kube: Kube, node: str) -> None:
    """A pod that writes, and has written something."""
    kube.apply(dump(claim("data", "64Mi"), pod("writer", ["data"], node, WRITER)))
    kube.running("writer")
    kube.eventually("it has written", lambda: len(lines(kube, "writer")) >= 5)


def writes_on(kube: Kube) -> None:
    """Waits until the writer has written more than now."""
    # A kubelet that was started a moment ago knows nothing of its pods yet.
    before = len(kube.eventually("the pod can be asked", lambda: lines(kube, "writer")))
    kube.eventually("it goes on writing", lambda: len(lines(kube, "writer")) > before + 3)


@pytest.mark.core
def test_kubelet_and_driver_are_killed_while_a_pod_writes(
        kube: Kube, testbed: Testbed, driver: Installation) -> None:
    node = testbed.nodes()[0]
    start_writer(kube, node)
    testbed.kill_kubelet(node)
    testbed.kill_driver(node)
    testbed.start_kubelet(node)
    driver.await_ready()
    writes_on(kube)
    assert_unbroken(lines(kube, "writer"))
    # Both still do their work: another pod with a new volume, and the old one made again.
    kube.apply(dump(claim("more", "64Mi"), pod("other", ["more"], node)))
    kube.running("other")
    kube.recreate("writer", dump(pod("writer", ["data"], node, WRITER)))
    writes_on(kube)
    assert_unbroken(lines(kube, "writer"))


@pytest.mark.core
def test_node_is_rebooted(kube: Kube, testbed: Testbed, driver: Installation) -> None:
    node = testbed.nodes()[1]
    start_writer(kube, node)
    written = len(lines(kube, "writer"))
    testbed.reboot(node)
    driver.await_ready()
    # Kubelet makes the pod's containers again, with their mounts.
    kube.eventually("the pod is ready and has its data",
                    lambda: len(lines(kube, "writer")) > written)
    writes_on(kube)
    assert_unbroken(lines(kube, "writer"))


def test_node_comes_back_without_its_only_disk(
        kube: Kube, testbed: Testbed, driver: Installation, reinstall: Reinstall) -> None:
    name = "default"
    reinstall(f'--set-json=pools=[{{"name": "{name}", "path": "{POOLS / name}"}}]',
              "--set=createPools=false")
    node = testbed.nodes()[1]
    start_writer(kube, node)
    testbed.reboot(node, without=[name])
    try:
        kube.eventually("the driver runs without its pool",
                        lambda: driver.pool_states(node) == {name: "unavailable"})
        # What used the disk can end, and what needs it waits for it.
        kube.run("delete", "pod", "writer", "--wait")
        kube.apply(dump(pod("writer", ["data"], node, WRITER)))
        kube.eventually("an event says why it does not start",
                        lambda: any("is tried again" in said for said in kube.events_of("writer")))
    finally:
        testbed.mount_disk(node, name)
    kube.running("writer")
    writes_on(kube)
    assert_unbroken(lines(kube, "writer"))


def test_leading_controller_is_killed_during_fifty_creates(
        kube: Kube, driver: Installation, cluster_objects) -> None:
    # Of Immediate binding: no pods are needed to have them made.
    cluster_objects(storage_class("immediate", volumeBindingMode="Immediate"))
    names = [f"data-{number}" for number in range(50)]
    leader = driver.leader()
    with ThreadPoolExecutor() as beside:
        # The provisioner is about as fast as kubectl: when all are applied, most are bound.
        applied = beside.submit(
            kube.apply, dump(*(claim(name, "16Mi", "immediate") for name in names)))
        kube.eventually("some are bound", lambda: bound(kube) > 0)
        driver.kube.run("delete", "pod", leader, "--grace-period=0", "--force")
        assert bound(kube) < len(names), "all were made before the leader was killed"
        applied.result()
    kube.eventually("all are bound", lambda: bound(kube) == len(names))
    volumes = {kube.get("pvc", name)["spec"]["volumeName"] for name in names}
    handles = {v["spec"]["csi"]["volumeHandle"] for v in kube.list("pv")
               if v["metadata"]["name"] in volumes}
    assert len(handles) == len(names)
    # Not one more than Kubernetes knows of.
    kube.eventually("nothing is left over", lambda: not driver.orphans())
    assert handles <= set(driver.volume_ids())


def bound(kube: Kube) -> int:
    """How many claims of the namespace are bound."""
    return sum(c["status"].get("phase") == "Bound" for c in kube.list("pvc"))


def test_driver_is_rolled_while_pods_write(
        kube: Kube, testbed: Testbed, driver: Installation) -> None:
    start_writer(kube, testbed.nodes()[0])
    driver.restart_daemonset()
    writes_on(kube)
    assert_unbroken(lines(kube, "writer"))
    kube.run("delete", "pod", "writer", "--wait")
    kube.apply(dump(pod("writer", ["data"], testbed.nodes()[0], WRITER)))
    kube.running("writer")
    writes_on(kube)
    assert_unbroken(lines(kube, "writer"))


@pytest.fixture(autouse=True)
def all_is_well_again(driver: Installation):
    """The next test finds a whole cluster."""
    yield
    driver.await_ready()
