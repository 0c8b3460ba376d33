# SPDX-License-Identifier: Apache-2.0
"""The driver as the chart has installed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from chart import RELEASE
from kube import Kube, KubectlError
from manifests import DRIVER
from testbed import Testbed

SELECTOR = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component="
PROVISIONER_LEASE = "csi-nodevol-io"

# The fixture `reinstall`: with options of helm, and `meanwhile`, called while nothing is installed.
Reinstall = Callable[..., None]


@dataclass(frozen=True)
class Installation:
    """The driver's own pods."""

    kube: Kube  # in the driver's namespace
    testbed: Testbed

    def pods(self, component: str) -> list[str]:
        """The names of the pods that are not being deleted."""
        return [pod["metadata"]["name"] for pod in self.kube.list("pods", "-l", SELECTOR + component)
                if "deletionTimestamp" not in pod["metadata"]]

    def node_pod(self, node: str) -> str:
        """The driver's pod of a node."""
        for pod in self.kube.list("pods", "-l", SELECTOR + "node"):
            if pod["spec"].get("nodeName") == node and "deletionTimestamp" not in pod["metadata"]:
                return pod["metadata"]["name"]
        raise KubectlError(f"the driver has no pod on {node}")

    def ask_node(self, node: str, *command: str) -> dict:
        """The answer of an administrator's command of the driver on a node."""
        said = self.kube.exec(self.node_pod(node), "nodevol", *command, "-o", "json",
                              container="nodevol")
        return json.loads(said)

    def nodes(self) -> list[str]:
        """The nodes that have a pod of the driver."""
        return sorted(pod["spec"]["nodeName"] for pod in self.kube.list("pods", "-l",
                                                                       SELECTOR + "node"))

    def volume_ids(self) -> list[str]:
        """What the drivers of all nodes have, deleted volumes that can be had back left out."""
        return [volume["id"] for node in self.nodes()
                for volume in self.ask_node(node, "volume", "list")["volumes"]
                if volume.get("state") != "deleted"]

    def pools(self, node: str) -> list[dict]:
        """What the driver says of the pools of a node."""
        # It ends with 1 while one is unavailable.
        said = self.kube.exec(self.node_pod(node), "sh", "-c", "nodevol pool list -o json || true",
                              container="nodevol")
        return json.loads(said)["pools"]

    def pool_states(self, node: str) -> dict[str, str]:
        """Of each pool of a node: "ready" or "unavailable"."""
        return {pool["name"]: pool["state"] for pool in self.pools(node)}

    def await_ready(self) -> None:
        """Waits until all pods of the driver are ready and each node's CSINode names it."""
        for kind in (f"daemonset/{RELEASE}-node", f"deployment/{RELEASE}-controller"):
            self.kube.eventually(f"{kind} is there", lambda kind=kind: self.kube.run("get", kind))
            self.kube.run("rollout", "status", kind, "--timeout=280s")
        self.kube.eventually("every node has the driver registered",
                             lambda: self.registered_nodes() and
                             len(self.registered_nodes()) == len(self.kube.list("csinodes")))

    def registered_nodes(self) -> list[str]:
        """The nodes whose kubelets know the driver."""
        return [node["metadata"]["name"] for node in self.kube.list("csinodes")
                if any(driver["name"] == DRIVER for driver in node["spec"].get("drivers") or [])]

    def leader(self) -> str:
        """The controller's pod whose provisioner leads."""
        leases = [lease for lease in self.kube.list("leases")
                  if lease["metadata"]["name"].startswith(PROVISIONER_LEASE)]
        assert len(leases) == 1, [lease["metadata"]["name"] for lease in self.kube.list("leases")]
        # The holder is the pod's name; provisioner puts something unique behind it.
        holder = leases[0]["spec"]["holderIdentity"]
        [pod] = [pod for pod in self.pods("controller") if pod in holder]
        return pod

    def orphans(self) -> list[str]:
        """Volumes that the drivers have and no PersistentVolume names."""
        known = {volume["spec"].get("csi", {}).get("volumeHandle")
                 for volume in self.kube.list("pv")}
        return [volume for volume in self.volume_ids() if volume not in known]

    def delete_orphans(self) -> None:
        """The same, on each node by the driver's own command; the young ones too."""
        handles = "".join(f"{volume['spec']['csi']['volumeHandle']}\n" for volume in
                          self.kube.list("pv") if "csi" in volume["spec"])
        for node in self.nodes():
            self.kube.exec(
                self.node_pod(node), "sh", "-c",
                'printf %s "$1" | nodevol orphans --handles=- --no-volumes-expected --min-age=0s '
                '--delete --yes', "sh", handles, container="nodevol")

    def restart_daemonset(self) -> None:
        """New pods on all nodes, one after the other."""
        self.kube.run("rollout", "restart", f"daemonset/{RELEASE}-node")
        self.await_ready()
