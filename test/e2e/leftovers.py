# SPDX-License-Identifier: Apache-2.0
"""What volumes leave behind on the nodes and in the API; after a test it must be as before."""

from __future__ import annotations

from dataclasses import dataclass, fields

from installation import Installation
from kube import Kube
from manifests import DRIVER


@dataclass(frozen=True)
class Traces:
    """Everything there is, by name."""

    volumes: frozenset[str]      # in the pools, deleted ones that are kept left out
    snapshots: frozenset[str]
    entries: frozenset[str]      # on the pools' disks, whatever the driver says
    mounts: frozenset[str]       # below kubelet's directory, of the driver
    loops: frozenset[str]        # with a file of a pool behind them
    objects: frozenset[str]      # of the API: PersistentVolumes, contents, attachments


@dataclass(frozen=True)
class Leftovers:
    """Looks at the nodes and at the API."""

    driver: Installation

    def look(self) -> Traces:
        """What there is now."""
        nodes = self.driver.nodes()
        return Traces(
            volumes=frozenset(self.driver.volume_ids()),
            snapshots=frozenset(
                snapshot["id"] for node in nodes
                for snapshot in self.driver.ask_node(node, "snapshot", "list")["snapshots"]),
            entries=frozenset(entry for node in nodes for entry in self._entries(node)),
            mounts=frozenset(mount for node in nodes for mount in self._mounts(node)),
            loops=frozenset(loop for node in nodes for loop in self.driver.testbed.loops(node)),
            objects=frozenset(_objects(self.driver.kube)),
        )

    def since(self, before: Traces) -> list[str]:
        """What there is now and was not then; what has gone meanwhile was another's."""
        now = self.look()
        return sorted(trace for kind in fields(Traces)
                      for trace in getattr(now, kind.name) - getattr(before, kind.name))

    def _entries(self, node: str) -> list[str]:
        """What is, was and is to be a volume, a snapshot or a group (docs/on-disk-format.md)."""
        pools = self.driver.testbed.pool_paths(node)
        directories = [f"{pool}/{name}" for pool in pools for name in (
            "volumes", "snapshots", "groups", ".nodevol/staging", ".nodevol/trash")]
        found = self.driver.testbed.run_on(
            node, "find", *directories, "-ignore_readdir_race", "-mindepth", "1", "-maxdepth", "1")
        return [f"{node}:{path}" for path in found.splitlines()]

    def _mounts(self, node: str) -> list[str]:
        table = self.driver.testbed.run_on(node, "cat", "/proc/self/mountinfo")
        targets = [line.split()[4] for line in table.splitlines()]
        return [f"{node}:{target}" for target in targets
                if target.startswith("/var/lib/kubelet/") and
                (f"/plugins/kubernetes.io/csi/{DRIVER}/" in target or
                 "/kubernetes.io~csi/" in target or "/csi/volumeDevices/" in target)]


def _objects(kube: Kube) -> list[str]:
    """Objects without a namespace that are the driver's."""
    found = []
    for kind, fields in (
        ("pv", ("spec", "csi", "driver")),
        ("volumesnapshotcontents", ("spec", "driver")),
        ("volumegroupsnapshotcontents", ("spec", "driver")),
        ("volumeattachments", ("spec", "attacher")),
    ):
        for entry in kube.list(kind):
            value: object = entry
            for field in fields:
                value = value.get(field, {}) if isinstance(value, dict) else {}
            if value == DRIVER:
                found.append(f"{kind}/{entry['metadata']['name']}")
    return found
