# SPDX-License-Identifier: Apache-2.0
"""The chart, rendered by helm without a cluster."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DIRECTORY = REPOSITORY / "deploy/helm/nodevol"
RELEASE = "nodevol"
NAMESPACE = "storage"
NEWEST = "1.37"

SNAPSHOT_API = "snapshot.storage.k8s.io/v1/VolumeSnapshotClass"
GROUP_SNAPSHOT_API = "groupsnapshot.storage.k8s.io/v1/VolumeGroupSnapshotClass"
MONITORING_APIS = ("monitoring.coreos.com/v1/PodMonitor", "monitoring.coreos.com/v1/PrometheusRule")

Object = dict[str, Any]


class Refused(Exception):
    """Helm's message."""


class Unique(yaml.SafeLoader):
    """YAML in which a key that is there twice is a mistake, as it is for the API server."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Object:
        """A mapping, none of whose keys hides another."""
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"twice the same key in {keys}, {node.start_mark}"
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Chart:
    """What helm makes of the chart."""

    helm: str

    def text(
        self,
        values: Object,
        *,
        kubernetes: str = NEWEST,
        apis: tuple[str, ...] = (),
        server: str = "",
    ) -> str:
        """The manifests; with a server's URL those that an upgrade there would have. Raises Refused
        where helm refuses the values."""
        command = [
            self.helm,
            "template",
            RELEASE,
            str(DIRECTORY),
            f"--namespace={NAMESPACE}",
            f"--kube-version={kubernetes}.0",
            "--values=-",
        ]
        command += [f"--api-versions={api}" for api in apis]
        if server:
            command += [
                "--dry-run=server",
                "--disable-openapi-validation",
                f"--kube-apiserver={server}",
            ]
        done = subprocess.run(
            command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Refused(done.stderr)
        return done.stdout

    def objects(self, values: Object, **options: Any) -> list[Object]:
        """The same as objects."""
        return [
            made for made in yaml.load_all(self.text(values, **options), Unique) if made is not None
        ]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Those of a kind."""
    return [made for made in objects if made["kind"] == kind]


def only(objects: list[Object], kind: str) -> Object:
    """The one of a kind."""
    found = of_kind(objects, kind)
    assert len(found) == 1, f"{len(found)} of {kind}"
    return found[0]


def pod_of(made: Object) -> Object:
    """The pod that an object makes, or is."""
    return made["spec"] if made["kind"] == "Pod" else made["spec"]["template"]["spec"]


def containers(pod: Object) -> Iterator[Object]:
    """All containers of a pod."""
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def container(pod: Object, name: str) -> Object:
    """The container of that name."""
    return next(found for found in containers(pod) if found["name"] == name)
