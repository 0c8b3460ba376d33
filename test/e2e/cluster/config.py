# SPDX-License-Identifier: Apache-2.0
"""What the cluster is made of, and where everything is. Nothing here touches the machine."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30

DEFAULT_DIRECTORY = "/var/lib/nodevol-cluster"

# The bridge between the machines, the networks of pods behind it, and the virtual one of Services.
CONTROL_ADDRESS = "10.77.0.1"
MACHINE_NETWORK_BITS = 24
POD_NETWORKS = "10.78.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
CLUSTER_DOMAIN = "cluster.local"
API_PORT = 6443
API_URL = f"https://{CONTROL_ADDRESS}:{API_PORT}"

# In each machine: what it is given by us, whatever lies over these places on the host.
GIVEN = Path("/run/cluster")
BIN = GIVEN / "bin"
CONFIG = GIVEN / "config"

# Where pools of nodevol are mounted, on each node.
POOLS = Path("/var/lib/nodevol")


@dataclass(frozen=True)
class Pool:
    """A filesystem of a node's own, in a file behind a loop device, mounted at POOLS/name."""

    name: str
    filesystem: str
    bytes: int

    @property
    def path(self) -> Path:
        """Where it is mounted on the node."""
        return POOLS / self.name


@dataclass(frozen=True)
class NodeConfig:
    """A worker node, as it is asked for."""

    name: str
    address: str
    pod_network: str
    pools: tuple[Pool, ...]


# The second node has more room, so that what fits only there can be told from what fits anywhere.
# XFS has reflink, for images; btrfs has quotas for directories on every kernel since 6.7.
NODES = (
    NodeConfig(
        name="worker-1",
        address="10.77.0.11",
        pod_network="10.78.1.0/24",
        pools=(Pool("default", "xfs", 6 * GIB), Pool("fast", "btrfs", 4 * GIB)),
    ),
    NodeConfig(
        name="worker-2",
        address="10.77.0.12",
        pod_network="10.78.2.0/24",
        pools=(Pool("default", "xfs", 12 * GIB), Pool("fast", "btrfs", 4 * GIB)),
    ),
)


@dataclass(frozen=True)
class Places:
    """Where the cluster's files are on the host: all of them in one directory."""

    directory: Path

    @property
    def identity(self) -> str:
        """A name, made of the directory's, for what can't be in it: control groups."""
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()
        return f"nodevol-cluster-{digest[:8]}"

    @property
    def state(self) -> Path:
        """The file that says that a cluster is, or was being made, here."""
        return self.directory / "cluster.json"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.directory / "pki"

    @property
    def admin_kubeconfig(self) -> Path:
        """For kubectl, helm and tests."""
        return self.directory / "admin.kubeconfig"

    def machine(self, name: str) -> Path:
        """All that belongs to the control plane ("control") or to a node."""
        return self.directory / "machines" / name


def default_directory() -> Path:
    """The directory of the cluster: NODEVOL_CLUSTER_DIR, or one that suits most machines."""
    return Path(os.environ.get("NODEVOL_CLUSTER_DIR") or DEFAULT_DIRECTORY).resolve()
