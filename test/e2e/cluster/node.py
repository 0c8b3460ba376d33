# SPDX-License-Identifier: Apache-2.0
"""A worker node: a machine with containerd, kubelet and kube-proxy, and disks of its own."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from collections.abc import Collection
from functools import partial
from pathlib import Path

from . import loops, network
from .certificates import Pki
from .config import (
    BIN,
    CLUSTER_DOMAIN,
    CONFIG,
    DNS_SERVICE_ADDRESS,
    POD_NETWORKS,
    NodeConfig,
    Places,
    Pool,
)
from .machine import Daemon, Machine
from .run import ClusterError, at_once, run, write

_CONTAINERD = "/run/containerd/containerd.sock"
_CTR = ("ctr", f"--address={_CONTAINERD}", "--namespace=k8s.io")


class Node:
    """One node. What it has on its disks stays over `stop` and `start`, as over a reboot."""

    def __init__(
        self,
        places: Places,
        config: NodeConfig,
        binaries: Path,
        control: Machine,
        nodes: tuple[NodeConfig, ...],
    ) -> None:
        self.name = config.name
        self.config = config
        self.machine = Machine(places, config.name, binaries)
        self._control = control
        self._nodes = nodes
        self.containerd = Daemon(
            "containerd", ("/usr/bin/containerd", f"--config={CONFIG}/containerd.toml")
        )
        self.kubelet = Daemon(
            "kubelet",
            (
                str(BIN / "kubelet"),
                f"--config={CONFIG}/kubelet.json",
                f"--kubeconfig={CONFIG}/kubelet.kubeconfig",
                f"--hostname-override={config.name}",
                f"--node-ip={config.address}",
            ),
        )
        self.kube_proxy = Daemon(
            "kube-proxy", (str(BIN / "kube-proxy"), f"--config={CONFIG}/kube-proxy.json")
        )

    @property
    def daemons(self) -> tuple[Daemon, ...]:
        """All of them, in the order in which they are started."""
        return (self.containerd, self.kubelet, self.kube_proxy)

    # ---- before the first start ----

    def configure(self, pki: Pki, pause_image: str) -> None:
        """Writes what the daemons read."""
        directory = self.machine.config
        for name, text in {
            "containerd.toml": _containerd_configuration(pause_image),
            "cni/pods.conflist": network.plugin_configuration(self.config),
            "kubelet.json": json.dumps(_kubelet_configuration(self.machine.group), indent=1),
            "kubelet.kubeconfig": pki.kubeconfig(self.name),
            "kube-proxy.json": json.dumps(_kube_proxy_configuration(self.name), indent=1),
            "kube-proxy.kubeconfig": pki.kubeconfig("kube-proxy"),
            # A node asks no name server, nor do the pods that use what the node uses.
            "resolv.conf": "",
        }.items():
            write(directory / name, text)
        shutil.copy(pki.certificate("ca"), directory / "ca.crt")
        shutil.copy(pki.certificate(self.name), directory / "kubelet.crt")
        shutil.copy(pki.key(self.name), directory / "kubelet.key")

    def make_disks(self) -> None:
        """Makes the filesystems of the node's pools, in sparse files."""
        at_once([partial(_make_filesystem, self.disk(pool), pool) for pool in self.config.pools])

    def disk(self, pool: Pool) -> Path:
        """The file with a pool's filesystem, on the host."""
        return self.machine.directory / "disks" / f"{pool.name}.img"

    # ---- its life ----

    def start_machine(self, without: Collection[str] = ()) -> None:
        """Switches it on: machine, network, and disks mounted, but the pools named; no daemon yet."""
        self.machine.start()
        network.connect(self._control, self.machine, self.config, self._nodes)
        for pool in self.config.pools:
            run(self.machine.command("mkdir", "-p", str(pool.path)))
            if pool.name not in without:
                self.mount_disk(pool)

    def mount_disk(self, pool: Pool) -> None:
        """Mounts the filesystem of a pool."""
        device = loops.attach(self.disk(pool))
        run(self.machine.command("mount", "-t", pool.filesystem, str(device), str(pool.path)))

    def start_containerd(self) -> None:
        """Starts containerd and waits until it serves."""
        self.machine.start_daemon(self.containerd)
        asked = self.machine.command(*_CTR, "version")
        self.machine.wait_for(self.containerd, f"containerd serves on {self.name}", asked)

    def start_kubelet(self) -> None:
        """Starts kubelet; that the Node gets Ready is for the caller to wait for."""
        self.machine.start_daemon(self.kubelet)

    def kill_kubelet(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends kubelet alone: containers go on running."""
        self.machine.kill_daemon(self.kubelet, how)

    def start(self, without: Collection[str] = ()) -> None:
        """Switches a node on that was stopped, with all its daemons and its disks, but the pools named."""
        self.start_machine(without)
        self.start_containerd()
        self.start_kubelet()
        self.machine.start_daemon(self.kube_proxy)

    def stop(self) -> None:
        """Switches it off without a warning: processes and mounts are gone, and so are the loop
        devices on its disks, whoever had attached them. What is on the disks stays."""
        self.machine.stop()
        loops.detach(self.loops())

    def running(self) -> bool:
        """Whether its machine and all of its daemons run."""
        return all(self.machine.find_daemon(daemon) is not None for daemon in self.daemons)

    # ---- what is on it ----

    def path(self, inside: str) -> Path:
        """A path of the running node, mounts included, as a path on the host."""
        return self.machine.root() / inside.lstrip("/")

    def run(self, *argv: str, seconds: float = 300) -> str:
        """Runs a command on the node and returns what it wrote."""
        return run(self.machine.command(*argv), seconds=seconds)

    def loops(self) -> list[loops.Loop]:
        """The loop devices on the node's disks, those of its pools first."""
        if not self.machine.directory.exists():
            return []
        layers = (
            self.machine.own("/var/lib") / "containerd"
        )  # many files, and no loop device on any
        return loops.beneath(self.machine.directory, leave_out=(layers,))

    def import_image(self, archive: Path) -> None:
        """Gives containerd an image; one of the same name is replaced."""
        with open(archive, "rb") as file:
            argv = self.machine.command(*_CTR, "images", "import", "-")
            run(argv, source=file)

    def images(self) -> set[str]:
        """The names of the images that containerd has."""
        return set(self.run(*_CTR, "images", "list", "--quiet").split())


def _make_filesystem(file: Path, pool: Pool) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "wb") as disk:
        disk.truncate(pool.bytes)
    if pool.filesystem == "xfs":
        run(["mkfs.xfs", "-q", "-m", "reflink=1", str(file)])
    elif pool.filesystem == "btrfs":
        run(["mkfs.btrfs", "-q", str(file)])
    elif pool.filesystem == "ext4":
        run(["mkfs.ext4", "-q", "-E", "nodiscard", str(file)])
    else:
        raise ClusterError(f'no filesystem "{pool.filesystem}" is made here: xfs, btrfs or ext4')


def _containerd_configuration(pause_image: str) -> str:
    """For containerd 1.6: no AppArmor, no device mapper, and no lowering of OOM scores, which takes
    CAP_SYS_RESOURCE."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{_CONTAINERD}"

[debug]
  level = "warn"

[{cri}]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = true
  disable_apparmor = true

  [{cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"

    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      [{cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false

  [{cri}.cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{CONFIG}/cni"
"""


def _kubelet_configuration(group: str) -> dict[str, object]:
    """All features are at their defaults. What differs is what this kind of machine can't do."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{CONFIG}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{CONFIG}/kubelet.crt",
        "tlsPrivateKeyFile": f"{CONFIG}/kubelet.key",
        "containerRuntimeEndpoint": f"unix://{_CONTAINERD}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group}",
        "failCgroupV1": False,
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": f"{CONFIG}/resolv.conf",
        # The default is below /usr/libexec, which is the host's.
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        # To lower the one, and to raise the other above our own limit, takes CAP_SYS_RESOURCE.
        "oomScoreAdj": 0,
        "maxOpenFiles": _open_files(),
        "failSwapOn": False,
        # The disk is the host's. Images can't be pulled again, and a full host must not evict pods.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
    }


def _open_files() -> int:
    """What kubelet sets by default, or less where less is allowed."""
    usual = 1_000_000
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return usual if limit == resource.RLIM_INFINITY else min(usual, limit)


def _kube_proxy_configuration(name: str) -> dict[str, object]:
    """The sysctls of connection tracking can't be written in a network namespace."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{CONFIG}/kube-proxy.kubeconfig"},
        "hostnameOverride": name,
        "clusterCIDR": POD_NETWORKS,
        "mode": "nftables",
        "oomScoreAdj": 0,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
