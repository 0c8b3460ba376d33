# SPDX-License-Identifier: Apache-2.0
"""python3 chart.py install|uninstall [IMAGE...]: the chart on the cluster that is up, with these images."""

from __future__ import annotations

import sys
from pathlib import Path

from cluster.cluster import Cluster
from cluster.config import default_directory
from cluster.run import ClusterError, at_once, run

HERE = Path(__file__).resolve().parent
CHART = HERE.parents[1] / "deploy" / "helm" / "nodevol"
RELEASE = "nodevol"
NAMESPACE = "nodevol"
STATIC_DIRECTORY = "/srv/nodevol-examples"
SECONDS = 300

# The image's name, without registry and tag → the value of the chart.
_SIDECARS = {
    "csi-provisioner": "sidecars.provisioner.image",
    "csi-resizer": "sidecars.resizer.image",
    "csi-snapshotter": "sidecars.snapshotter.image",
    "csi-attacher": "sidecars.attacher.image",
}
_OWN = {"nodevol-node": "image.node", "nodevol-controller": "image.controller"}


def settings(images: list[str]) -> list[str]:
    """The options of helm that put the images' names in. Images of other things are passed over."""
    options = []
    for image in images:
        repository, _, tag = image.rpartition(":")
        name = repository.rpartition("/")[2]
        if name in _SIDECARS:
            options.append(f"--set={_SIDECARS[name]}={image}")
        elif name in _OWN:
            options += [f"--set={_OWN[name]}.repository={repository}", f"--set={_OWN[name]}.tag={tag}"]
    return options


def install(cluster: Cluster, options: list[str], values: str = "") -> None:
    """Installs the chart, or changes what is installed; returns when all of its pods are ready. With
    `values` instead of those in values.yaml."""
    at_once([lambda node=node: node.run("mkdir", "-p", STATIC_DIRECTORY)
             for node in cluster.nodes.values()])
    kubectl = cluster.control.kubectl
    if not kubectl("get", "namespace", NAMESPACE, "--ignore-not-found"):
        kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "--overwrite", "namespace", NAMESPACE,
            "pod-security.kubernetes.io/enforce=privileged")
    helm(cluster, "upgrade", "--install", RELEASE, str(CHART), "--values=-", "--reset-values", "--wait",
         f"--timeout={SECONDS}s", *options, text=values or (HERE / "values.yaml").read_text())


def uninstall(cluster: Cluster) -> None:
    """Takes the release away; what the chart keeps, and the volumes, stay."""
    helm(cluster, "uninstall", RELEASE, "--wait")


def is_installed(cluster: Cluster) -> bool:
    """Whether there is a release."""
    return RELEASE in helm(cluster, "list", "--short").split()


def given_values(cluster: Cluster) -> str:
    """What the chart was installed with, as YAML: install() takes it as `values`."""
    return helm(cluster, "get", "values", RELEASE, "--output=yaml")


def helm(cluster: Cluster, *arguments: str, text: str | None = None) -> str:
    """Runs helm where the API server can be reached."""
    return run(cluster.control.command("helm", *arguments, f"--namespace={NAMESPACE}"), text=text,
               seconds=SECONDS + 30)


def main() -> int:
    """The command line."""
    verb, *images = sys.argv[1:]
    try:
        cluster = Cluster.existing(default_directory())
        if verb == "install":
            install(cluster, settings(images))
            print(f"nodevol is installed in the namespace {NAMESPACE}")
        elif verb == "uninstall":
            uninstall(cluster)
        else:
            raise ClusterError(f'"{verb}" is neither install nor uninstall')
    except ClusterError as error:
        print(f"chart: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
