# SPDX-License-Identifier: Apache-2.0
"""What a test does to the cluster's machines themselves; all else goes through the API."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cluster.cluster import Cluster
from cluster.config import default_directory
from cluster.loops import beneath, number


@dataclass(frozen=True)
class Testbed:
    """The nodes of the cluster that is up."""

    __test__ = False  # its name looks like that of a test

    cluster: Cluster

    @staticmethod
    def of_running_cluster() -> Testbed:
        """ClusterError, with what to do, when there is none."""
        return Testbed(Cluster.existing(default_directory()))

    def kubectl(self) -> tuple[str, ...]:
        """What runs kubectl where it reaches the API server."""
        return tuple(self.cluster.control.command("kubectl"))

    def nodes(self) -> list[str]:
        """Their names, in order."""
        return sorted(self.cluster.nodes)

    def run_on(self, node: str, *argv: str) -> str:
        """The output of a command on a node, outside of its pods."""
        return self.cluster.nodes[node].run(*argv)

    def kill_kubelet(self, node: str) -> None:
        """SIGKILL; the node's pods run on."""
        self.cluster.nodes[node].kill_kubelet()

    def start_kubelet(self, node: str) -> None:
        """Starts it again, and waits until the node is Ready."""
        self.cluster.nodes[node].start_kubelet()
        self.cluster.wait_node(node)

    def kill_driver(self, node: str) -> None:
        """SIGKILL to the driver's process on a node, as when memory runs out."""
        self.run_on(node, "pkill", "-KILL", "-x", "nodevol")

    def reboot(self, node: str, without: Collection[str] = ()) -> None:
        """Cuts the node's power, and switches it on again: processes, mounts and loop devices are
        gone, what is on its disks is there. Those of the pools named are not mounted."""
        self.cluster.nodes[node].stop()
        self.cluster.nodes[node].start(without)
        self.cluster.wait_node(node)

    def pool_paths(self, node: str) -> list[str]:
        """Where the disks of a node's pools are mounted."""
        return [str(pool.path) for pool in self.cluster.nodes[node].config.pools]

    def loops(self, node: str) -> list[str]:
        """The loop devices on files of a node's pools. `losetup` shows those of the whole host, and so
        of other clusters and tests."""
        machine = self.cluster.nodes[node]
        disks = machine.disk(machine.config.pools[0]).parent
        host = number(disks.stat().st_dev)
        return [str(loop.path) for loop in beneath(disks) if loop.filesystem != host]

    def mount_disk(self, node: str, name: str) -> None:
        """Mounts the disk of a pool that was left out."""
        machine = self.cluster.nodes[node]
        [pool] = [pool for pool in machine.config.pools if pool.name == name]
        machine.mount_disk(pool)
