# SPDX-License-Identifier: Apache-2.0
"""Pods are where they should be, and keep nobody from taking a node away."""

import pytest

from cases import CASES, Case
from chart import Chart, Object, only, pod_of

SWITCHED_OFF = "csi.nodevol.io/driver"


def controllers(chart: Chart, values: Object) -> Object:
    """The template of the controllers' pods."""
    return only(chart.objects(values), "Deployment")["spec"]["template"]


def avoided(template: Object) -> dict[str, int]:
    """Keys of topology, each with the weight by which the pods avoid each other there."""
    rules = template["spec"]["affinity"]["podAntiAffinity"]
    terms = rules["preferredDuringSchedulingIgnoredDuringExecution"]
    labels = template["metadata"]["labels"]
    for term in terms:
        assert term["podAffinityTerm"]["labelSelector"]["matchLabels"].items() <= labels.items()
    return {term["podAffinityTerm"]["topologyKey"]: term["weight"] for term in terms}


def alternatives(pod: Object) -> list[Object]:
    """The terms of which a node must meet one."""
    rules = pod["affinity"]["nodeAffinity"]
    return rules["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


APART = {"kubernetes.io/hostname": 100, "topology.kubernetes.io/zone": 50}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_controllers_avoid_each_other(chart: Chart, case: Case) -> None:
    template = controllers(chart, case.values)
    assert avoided(template) == APART
    # Beside them a node without a zone would not count at all.
    assert "topologySpreadConstraints" not in template["spec"]


def test_affinity_to_nodes_leaves_them_apart(chart: Chart) -> None:
    nodes = {"preferredDuringSchedulingIgnoredDuringExecution": []}
    template = controllers(chart, {"controller": {"affinity": {"nodeAffinity": nodes}}})
    assert template["spec"]["affinity"]["nodeAffinity"] == nodes
    assert avoided(template) == APART


@pytest.mark.parametrize(
    "theirs",
    [{}, {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "rack"}]}],
    ids=str,
)
def test_an_anti_affinity_takes_the_place_of_the_charts(chart: Chart, theirs: Object) -> None:
    template = controllers(chart, {"controller": {"affinity": {"podAntiAffinity": theirs}}})
    assert template["spec"]["affinity"] == {"podAntiAffinity": theirs}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_node_can_be_left_out_by_a_label(chart: Chart, case: Case) -> None:
    driver = case.values.get("driverName")
    key = f"{driver}/driver" if driver else SWITCHED_OFF
    terms = alternatives(pod_of(only(chart.objects(case.values), "DaemonSet")))
    assert terms
    for term in terms:
        assert {"key": key, "operator": "NotIn", "values": ["off"]} in term["matchExpressions"]


def test_what_nodes_must_have_besides_stays(chart: Chart) -> None:
    disk = {"key": "disk", "operator": "Exists"}
    name = {"key": "metadata.name", "operator": "In", "values": ["worker-1"]}
    weighed = [{"weight": 1, "preference": {"matchExpressions": [disk]}}]
    required = {"nodeSelectorTerms": [{"matchExpressions": [disk]}, {"matchFields": [name]}]}
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": required,
            "preferredDuringSchedulingIgnoredDuringExecution": weighed,
        },
        "podAffinity": {},
    }
    pod = pod_of(only(chart.objects({"node": {"affinity": affinity}}), "DaemonSet"))
    first, second = alternatives(pod)
    on = {"key": SWITCHED_OFF, "operator": "NotIn", "values": ["off"]}
    assert first == {"matchExpressions": [disk, on]}
    assert second == {"matchFields": [name], "matchExpressions": [on]}
    assert (
        pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        == weighed
    )
    assert pod["affinity"]["podAffinity"] == {}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_controllers_do_not_keep_a_node(chart: Chart, case: Case) -> None:
    template = controllers(chart, case.values)
    said = template["metadata"]["annotations"][
        "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
    ]
    local = {volume["name"] for volume in template["spec"]["volumes"] if "emptyDir" in volume}
    assert local == set(said.split(","))


def test_an_annotation_can_be_changed(chart: Chart) -> None:
    changed = {
        "kubectl.kubernetes.io/default-container": "csi-provisioner",
        "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "none",
    }
    template = controllers(chart, {"controller": {"podAnnotations": changed}})
    assert template["metadata"]["annotations"] == changed


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_driver_is_not_process_1(chart: Chart, case: Case) -> None:
    """What thaws after it must outlive it."""
    assert pod_of(only(chart.objects(case.values), "DaemonSet"))["shareProcessNamespace"] is True


def test_a_static_path_that_is_missing_stops_no_node(chart: Chart) -> None:
    pod = pod_of(only(chart.objects({"staticPaths": ["/mnt/a", "/mnt/b"]}), "DaemonSet"))
    kinds = {
        volume["hostPath"]["path"]: volume["hostPath"]["type"]
        for volume in pod["volumes"]
        if "hostPath" in volume
    }
    assert kinds["/mnt/a"] == kinds["/mnt/b"] == "DirectoryOrCreate"
    # An empty directory in the place of a pool's disk would be worse than no Pod.
    assert kinds["/var/lib/nodevol"] == "Directory"


def test_a_provisioner_has_memory_for_many_volumes(chart: Chart) -> None:
    limits = {
        found["name"]: found["resources"]["limits"]["memory"]
        for found in pod_of(only(chart.objects({}), "Deployment"))["containers"]
    }
    assert limits["csi-provisioner"] == "1Gi"
    assert limits["csi-resizer"] == limits["csi-snapshotter"] == "256Mi"
