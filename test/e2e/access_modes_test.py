# SPDX-License-Identifier: Apache-2.0
"""Who may use a volume together."""

from __future__ import annotations

import pytest

from kube import Kube
from manifests import claim, dump, pod


def test_two_pods_of_a_node_share_a_read_write_once_volume(kube: Kube) -> None:
    kube.apply(dump(claim("data", "64Mi"), pod("first", ["data"])))
    node = kube.running("first")["spec"]["nodeName"]
    kube.apply(dump(pod("second", ["data"])))
    # The volume is on one node: the scheduler has no choice.
    assert kube.running("second")["spec"]["nodeName"] == node
    kube.shell("first", "echo hello > /data/file")
    assert kube.shell("second", "cat /data/file") == "hello"


@pytest.mark.core
def test_second_pod_of_a_read_write_once_pod_volume_waits_for_the_first(kube: Kube) -> None:
    kube.apply(dump(claim("data", "64Mi", accessModes=["ReadWriteOncePod"]), pod("first", ["data"])))
    kube.running("first")
    kube.apply(dump(pod("second", ["data"])))
    kube.eventually(
        "the scheduler refuses the second pod",
        lambda: any("ReadWriteOncePod" in message for message in kube.events_of("second")))
    assert kube.get("pod", "second")["status"]["phase"] == "Pending"
    kube.run("delete", "pod", "first", "--wait")
    kube.running("second")


def test_claim_for_many_nodes_is_refused_with_the_reason(kube: Kube) -> None:
    kube.apply(dump(claim("data", "64Mi", accessModes=["ReadWriteMany"]), pod("first", ["data"])))
    kube.eventually(
        "an event says why",
        lambda: any("ProvisioningFailed" in str(event.get("reason")) and
                    "MULTI_NODE_MULTI_WRITER" in event.get("message", "")
                    for event in kube.list("events")))
    assert kube.get("pvc", "data")["status"]["phase"] == "Pending"
