# SPDX-License-Identifier: Apache-2.0
"""What refers to something refers to something that is there."""

import pytest

from cases import CASES, Case
from chart import Chart, Object, container, containers, of_kind, only, pod_of


def workloads(objects: list[Object]) -> list[Object]:
    """What makes pods for good."""
    return of_kind(objects, "Deployment") + of_kind(objects, "DaemonSet")


def selects(selector: Object, made: Object) -> bool:
    """Whether a selector finds the pods of a workload."""
    return selector.items() <= made["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_services_and_monitors_find_their_ports(chart: Chart, case: Case) -> None:
    objects = chart.objects(case.values, apis=case.apis)
    for made in of_kind(objects, "Service") + of_kind(objects, "PodMonitor"):
        if made["kind"] == "Service":
            selector, wanted = made["spec"]["selector"], {
                port["targetPort"] for port in made["spec"]["ports"]
            }
        else:
            selector = made["spec"]["selector"]["matchLabels"]
            wanted = {endpoint["port"] for endpoint in made["spec"]["podMetricsEndpoints"]}
        found = [
            each
            for each in workloads(objects)
            if selects(selector, each)
            and each["metadata"]["namespace"] == made["metadata"]["namespace"]
        ]
        assert len(found) == 1, made["metadata"]["name"]
        ports = {
            port["name"]: port["containerPort"]
            for each in containers(pod_of(found[0]))
            for port in each.get("ports", [])
        }
        assert wanted <= set(ports), made["metadata"]["name"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_ports_are_different_and_probes_ask_one_that_is_there(chart: Chart, case: Case) -> None:
    for made in workloads(chart.objects(case.values, apis=case.apis)):
        ports = [port for each in containers(pod_of(made)) for port in each.get("ports", [])]
        numbers = {port["containerPort"] for port in ports}
        assert len(numbers) == len(ports)
        assert all(len(port["name"]) <= 15 for port in ports)
        for each in containers(pod_of(made)):
            # Kubelet looks for a name among the container's own ports; a number may be another's.
            names = {port["name"] for port in each.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in each:
                    asked = each[probe]["httpGet"]["port"]
                    assert asked in (names if isinstance(asked, str) else numbers), each["name"]


def test_the_sidecar_says_whether_the_driver_lives(chart: Chart) -> None:
    objects = chart.objects({"node": {"registrar": "sidecar", "livenessPort": 19816}})
    pod = pod_of(only(objects, "DaemonSet"))
    sidecar = container(pod, "livenessprobe")
    assert "--http-endpoint=:19816" in sidecar["args"]
    for probe in ("startupProbe", "livenessProbe"):
        assert container(pod, "nodevol")[probe]["httpGet"] == {"path": "/healthz", "port": 19816}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mounts_have_volumes_and_volumes_have_mounts(chart: Chart, case: Case) -> None:
    for made in workloads(chart.objects(case.values, apis=case.apis)):
        pod = pod_of(made)
        volumes = [volume["name"] for volume in pod["volumes"]]
        mounts = {
            mount["name"] for each in containers(pod) for mount in each.get("volumeMounts", [])
        }
        assert len(volumes) == len(set(volumes))
        assert mounts == set(volumes)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_configuration_that_pods_mount_is_made(chart: Chart, case: Case) -> None:
    objects = chart.objects(case.values, apis=case.apis)
    # cert-manager makes Secrets of Certificates.
    made = {
        ("Secret", each["spec"]["secretName"], each["metadata"]["namespace"])
        for each in of_kind(objects, "Certificate")
    }
    made |= {
        (each["kind"], each["metadata"]["name"], each["metadata"]["namespace"])
        for each in objects
        if each["kind"] in ("Secret", "ConfigMap", "ServiceAccount")
    }
    theirs = {"link", "link-ca"}  # of the cases with existingSecret
    for each in workloads(objects):
        pod, namespace, wanted = pod_of(each), each["metadata"]["namespace"], set()
        wanted.add(("ServiceAccount", pod["serviceAccountName"], namespace))
        for volume in pod["volumes"]:
            if "secret" in volume:
                wanted.add(("Secret", volume["secret"]["secretName"], namespace))
            for source in volume.get("projected", {}).get("sources", []):
                if "secret" in source:
                    wanted.add(("Secret", source["secret"]["name"], namespace))
                if "configMap" in source:
                    wanted.add(("ConfigMap", source["configMap"]["name"], namespace))
        assert {entry for entry in wanted if entry[1] not in theirs} <= made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_network_policies_name_ports_of_the_pods(chart: Chart, case: Case) -> None:
    objects = chart.objects(case.values, apis=case.apis)
    for policy in of_kind(objects, "NetworkPolicy"):
        target = next(
            each
            for each in workloads(objects)
            if selects(policy["spec"]["podSelector"]["matchLabels"], each)
        )
        names = {
            port["name"] for each in containers(pod_of(target)) for port in each.get("ports", [])
        }
        allowed = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert allowed == names, policy["metadata"]["name"]


def test_pods_are_found_by_labels_that_never_change(chart: Chart) -> None:
    for made in workloads(chart.objects({})):
        assert (
            made["spec"]["selector"]["matchLabels"]
            == made["spec"]["template"]["metadata"]["labels"]
        )
        assert not any(
            "version" in label or "chart" in label
            for label in made["spec"]["selector"]["matchLabels"]
        )
