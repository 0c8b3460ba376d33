# SPDX-License-Identifier: Apache-2.0
"""The chart on a cluster that is used: its own test, taken away and put back, with and without attaching."""

from __future__ import annotations

import chart
from installation import Installation, Reinstall
from kube import Kube
from manifests import DRIVER, claim, dump, pod
from testbed import Testbed


def test_charts_own_test_passes(testbed: Testbed, driver: Installation) -> None:
    assert "Phase:" in chart.helm(testbed.cluster, "test", chart.RELEASE, "--timeout=280s")


def test_taint_of_a_new_node_is_taken_off_when_the_driver_is_there(
        testbed: Testbed, driver: Installation) -> None:
    node = testbed.nodes()[0]
    ours = f"{DRIVER}/agent-not-ready"
    # The real one has the effect NoExecute, and would send the node's other pods away.
    driver.kube.run("taint", "node", node, f"{ours}=:NoSchedule", "dedicated=e2e:PreferNoSchedule")
    try:
        # Controllers look at each Node object once: new ones look at all.
        driver.kube.run("rollout", "restart", f"deployment/{chart.RELEASE}-controller")
        driver.kube.eventually("the taint is off", lambda: ours not in keys(driver, node))
        assert "dedicated" in keys(driver, node)
        assert node in driver.registered_nodes()
    finally:
        driver.kube.run("taint", "node", node, "dedicated-")
    driver.await_ready()


def keys(driver: Installation, node: str) -> list[str]:
    """Of a node's taints."""
    return [taint["key"] for taint in driver.kube.get("node", node)["spec"].get("taints", [])]


def test_with_attaching_a_volume_is_attached_to_its_node(kube: Kube, driver: Installation,
                                                         reinstall: Reinstall) -> None:
    reinstall("--set=attach.enabled=true")
    assert driver.kube.get("csidriver", DRIVER)["spec"]["attachRequired"] is True
    kube.apply(dump(claim("data", "64Mi"), pod("first", ["data"])))
    node = kube.running("first")["spec"]["nodeName"]
    volume = kube.bound("data")["metadata"]["name"]
    attached = [a for a in kube.list("volumeattachments")
                if a["spec"]["source"]["persistentVolumeName"] == volume]
    assert [(a["spec"]["nodeName"], a["status"]["attached"]) for a in attached] == [(node, True)]
    kube.shell("first", "echo hello > /data/file")
    kube.recreate("first", dump(pod("first", ["data"])))
    assert kube.shell("first", "cat /data/file") == "hello"
    kube.run("delete", "pod", "first", "--wait")
    kube.eventually("it is detached", lambda: not [
        a for a in kube.list("volumeattachments")
        if a["spec"]["source"]["persistentVolumeName"] == volume])
    kube.run("delete", "pvc", "data", "--wait")


def test_pods_run_on_while_the_driver_is_not_installed(kube: Kube, driver: Installation,
                                                       reinstall: Reinstall) -> None:
    kube.apply(dump(claim("data", "64Mi"), pod("first", ["data"])))
    kube.running("first")

    def meanwhile() -> None:
        kube.eventually("kubelets know it no longer", lambda: not driver.registered_nodes())
        kube.shell("first", "echo hello > /data/file; sync")

    reinstall(meanwhile=meanwhile)
    kube.recreate("first", dump(pod("first", ["data"])))
    assert kube.shell("first", "cat /data/file") == "hello"
