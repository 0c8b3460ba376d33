# SPDX-License-Identifier: Apache-2.0
"""Every manifest that the chart makes is one that Kubernetes takes, without a field that it does
not know."""

import subprocess

import pytest
import yaml

from cases import ALL_APIS, CASES, KUBERNETES, Case
from chart import DIRECTORY, REPOSITORY, Chart, of_kind, only
from kubeconform import Kubeconform


@pytest.mark.parametrize("case", CASES, ids=str)
def test_helm_lints_it(helm: str, case: Case) -> None:
    done = subprocess.run(
        [helm, "lint", "--strict", "--quiet", "--values=-", str(DIRECTORY)],
        input=yaml.safe_dump(case.values),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_kubernetes_takes_it(
    chart: Chart, kubeconform: Kubeconform, case: Case, kubernetes: str
) -> None:
    assert (
        kubeconform.mistakes(
            chart.text(case.values, kubernetes=kubernetes, apis=case.apis), kubernetes
        )
        == ""
    )


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("name", ["nodevol.yaml", "snapshot-classes.yaml", "monitoring.yaml"])
def test_kubernetes_takes_the_plain_manifests(
    kubeconform: Kubeconform, name: str, kubernetes: str
) -> None:
    assert (
        kubeconform.mistakes((REPOSITORY / "deploy/kubernetes" / name).read_text(), kubernetes)
        == ""
    )


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_takes_the_examples(kubeconform: Kubeconform, kubernetes: str) -> None:
    examples = sorted((REPOSITORY / "deploy/examples").glob("*.yaml"))
    assert examples
    mistakes = {
        example.name: kubeconform.mistakes(example.read_text(), kubernetes) for example in examples
    }
    assert {name: said for name, said in mistakes.items() if said} == {}


@pytest.mark.parametrize(
    "wrong, what",
    [
        ("privileged: true", "privilegd: true"),
        ("hostPath: {path: /dev, type: Directory}", "hostPath: {path: [/dev], type: Directory}"),
        ("kind: CSIDriver", "kind: CSIDrive"),
        ("attachRequired: false", 'attachRequired: "false"'),
        ("deletionPolicy: Delete", "deletionPolicy: Maybe"),
        ("podMetricsEndpoints:", "podMetricEndpoints:"),
    ],
)
def test_the_examiner_sees_mistakes(
    chart: Chart, kubeconform: Kubeconform, wrong: str, what: str
) -> None:
    text = chart.text({}, apis=ALL_APIS)
    assert wrong in text
    assert kubeconform.mistakes(text.replace(wrong, what), KUBERNETES[-1]) != ""


def test_older_kubernetes_is_refused(helm: str) -> None:
    done = subprocess.run(
        [helm, "template", str(DIRECTORY), "--kube-version=1.33.0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0 and "1.34.0" in done.stderr


def test_what_needs_an_api_is_made_only_where_it_is(chart: Chart) -> None:
    optional = ["VolumeSnapshotClass", "VolumeGroupSnapshotClass", "PodMonitor", "PrometheusRule"]
    without, with_all = chart.objects({}), chart.objects({}, apis=ALL_APIS)
    for kind in optional:
        assert of_kind(without, kind) == []
        assert of_kind(with_all, kind) != []


def test_names_of_two_releases_do_not_meet(helm: str) -> None:
    """Two drivers in a cluster have nothing of the cluster in common."""

    def names(release: str, driver: str) -> set[tuple[str, str]]:
        command = [
            helm,
            "template",
            release,
            str(DIRECTORY),
            "--namespace=one",
            f"--set=driverName={driver}",
            "--set=storageClasses=null,volumeAttributesClasses=null",
            "--set=volumeSnapshotClasses=null,volumeGroupSnapshotClasses=null",
            *(f"--api-versions={api}" for api in ALL_APIS),
        ]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {
            (made["kind"], made["metadata"]["name"]) for made in yaml.safe_load_all(text) if made
        }

    assert names("first", "one.example.com") & names("second", "two.example.com") == set()


def test_kubelet_and_csidriver_are_told_the_same_name(chart: Chart) -> None:
    objects = chart.objects({"driverName": "volumes.example.com"})
    assert only(objects, "CSIDriver")["metadata"]["name"] == "volumes.example.com"
    for storage_class in of_kind(objects, "StorageClass"):
        assert storage_class["provisioner"] == "volumes.example.com"
