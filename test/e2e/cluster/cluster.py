# SPDX-License-Identifier: Apache-2.0
"""The cluster as a whole: up, down, and what there is of it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

from . import cgroups, images
from .certificates import Pki
from .config import DNS_SERVICE_ADDRESS, NODES, NodeConfig, Places
from .control_plane import ControlPlane
from .machine import Daemon, Machine
from .node import Node
from .run import ClusterError, at_once, run, tail, wait, write

_MANIFESTS = Path(__file__).parent / "manifests"
_BINARIES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
_PROGRAMS = (
    "blkid",
    "containerd",
    "ctr",
    "find",
    "hostname",
    "ip",
    "losetup",
    "mkfs.btrfs",
    "mkfs.xfs",
    "mount",
    "nft",
    "nsenter",
    "openssl",
    "runc",
    "setsid",
    "unshare",
)
_IMAGES = ("pause", "coredns", "snapshot-controller")
_CNI_PLUGINS = ("host-local", "loopback", "ptp")
_STATE_FORMAT = 1


@dataclass(frozen=True)
class Part:
    """A daemon, and whether it runs."""

    machine: str
    daemon: str
    pid: int | None


class Cluster:
    """The cluster in a directory, whether it is there yet or not.

    `cluster.json` in the directory is written before anything else is made, and names the nodes.
    The names of all that can be made follow from it and from the directory, so that `down` finds
    what an `up` that was cut off has left.
    """

    def __init__(
        self, directory: Path, binaries: Path, nodes: tuple[NodeConfig, ...] = NODES
    ) -> None:
        self.places = Places(directory.resolve())
        self.binaries = binaries.resolve()
        self.control = ControlPlane(self.places, self.binaries, nodes)
        self._configs = nodes
        self.nodes = {
            config.name: Node(self.places, config, self.binaries, self.control.machine, nodes)
            for config in nodes
        }

    @staticmethod
    def existing(directory: Path) -> Cluster:
        """The cluster that `up` has made there; an error when there is none."""
        state = _read_state(Places(directory.resolve()))
        nodes = tuple(config for config in NODES if config.name in state["nodes"])
        return Cluster(directory, Path(state["binaries"]), nodes)

    # ---- up ----

    def up(self, archives: list[Path]) -> None:
        """Makes the cluster; returns when its nodes, DNS and the snapshot controller are ready."""
        _need_root()
        self._check(archives)
        needed = {name: images.find(archives, name) for name in _IMAGES}
        self._claim_directory()
        try:
            with _alone(self.places):
                self._make(archives, needed)
        except ClusterError as error:
            raise ClusterError(
                f"{error}\n  what there is of the cluster is left to be looked at, with logs in "
                f"{self.places.machine('*')}/logs; `./dev cluster down` takes it away"
            ) from error

    def _make(self, archives: list[Path], needed: dict[str, str]) -> None:
        pki = Pki(self.places.pki)
        disks = [node.make_disks for node in self.nodes.values()]
        at_once([partial(pki.make, self._configs), self.control.start_machine, *disks])
        self.control.configure(pki)
        for node in self.nodes.values():
            node.configure(pki, needed["pause"])
        with ThreadPoolExecutor() as executor:
            api = executor.submit(self.control.start)
            nodes = [partial(self._start_node, node, archives, api) for node in self.nodes.values()]
            at_once([partial(self._add_services, needed, api), *nodes])
        self.wait_ready()

    def wait_ready(self, seconds: float = 180) -> None:
        """Waits until all nodes are Ready, and what the cluster runs for itself is."""
        for name in self.nodes:
            self.wait_node(name, seconds=seconds)
        for deployment in ("coredns", "snapshot-controller"):
            self.control.kubectl(
                "--namespace=kube-system",
                "rollout",
                "status",
                f"deployment/{deployment}",
                f"--timeout={seconds:.0f}s",
                seconds=seconds + 60,
            )

    def wait_node(self, name: str, ready: bool = True, seconds: float = 180) -> None:
        """Waits until a node is Ready, or no longer is: Kubernetes takes 50 s to see that.

        What is known of a node from before its kubelet was started does not count.
        """
        wait(
            f"{name} is {'Ready' if ready else 'not Ready'}",
            partial(self._ready_now, name) if ready else lambda: self.ready(name) != "True",
            seconds=seconds,
            pause=0.3,
            log=self.nodes[name].machine.log("kubelet"),
        )

    def _ready_now(self, name: str) -> bool:
        node = self.nodes[name]
        started = node.machine.started(node.kubelet)
        if started is None or self.ready(name) != "True":
            return False
        boot = node.run("cat", "/proc/sys/kernel/random/boot_id").strip()
        if self._of_node(name, "{.status.nodeInfo.bootID}") != boot:
            return False
        heard = self._heard(name)
        return heard is not None and heard > started

    def ready(self, name: str) -> str:
        """The status of a node's condition Ready: True, False or Unknown; empty without a Node."""
        return self._of_node(name, '{.status.conditions[?(@.type=="Ready")].status}')

    def _of_node(self, name: str, path: str) -> str:
        asked = ("get", "node", name, "--ignore-not-found", f"--output=jsonpath={path}")
        return self.control.kubectl(*asked).strip()

    def _heard(self, name: str) -> float | None:
        """When a node's kubelet last said that it is alive, which it does every ten seconds."""
        asked = ("--namespace=kube-node-lease", "get", "lease", name, "--ignore-not-found")
        said = self.control.kubectl(*asked, "--output=jsonpath={.spec.renewTime}").strip()
        return datetime.fromisoformat(said).timestamp() if said else None

    def import_images(self, archives: list[Path]) -> None:
        """Gives images to all nodes."""
        at_once([partial(_import, node, archives) for node in self.nodes.values()])

    def _check(self, archives: list[Path]) -> None:
        """Finds out what is missing before anything is made."""
        programs = [self.binaries / name for name in _BINARIES]
        missing = [str(program) for program in programs if not program.exists()]
        if missing:
            raise ClusterError(f"{', '.join(missing)}: missing; tools/e2e-binaries builds them")
        missing = [name for name in _PROGRAMS if shutil.which(name) is None]
        plugins = [Path("/usr/lib/cni", name) for name in _CNI_PLUGINS]
        missing += [str(plugin) for plugin in plugins if not plugin.exists()]
        if missing:
            raise ClusterError(f"{', '.join(missing)}: missing; `./dev cluster up` installs them")
        for place in ("/run", "/dev", "/proc", "/sys"):
            if self.places.directory.is_relative_to(place):
                raise ClusterError(
                    f"{self.places.directory} is on no disk, and the cluster's directory has to "
                    "be: set NODEVOL_CLUSTER_DIR"
                )
        cgroups.hierarchies()
        for archive in archives:
            images.tags(archive)

    def _claim_directory(self) -> None:
        directory = self.places.directory
        if self.places.state.exists():
            raise ClusterError(
                f"a cluster is in {directory} already: `./dev cluster status` says how it is, "
                "`./dev cluster down` takes it away"
            )
        if directory.exists() and any(directory.iterdir()):
            raise ClusterError(
                f"{directory} is not empty and has no cluster.json: empty it, or set "
                "NODEVOL_CLUSTER_DIR"
            )
        directory.mkdir(parents=True, exist_ok=True)
        os.chmod(directory, 0o700)
        state = {"format": _STATE_FORMAT, "nodes": list(self.nodes), "binaries": str(self.binaries)}
        write(self.places.state, json.dumps(state) + "\n")

    def _add_services(self, needed: dict[str, str], api: Future[None]) -> None:
        """Adds DNS and snapshots, as soon as there is an API to add them to."""
        api.result()
        crds = sorted((self.binaries / "snapshot-crds").glob("*.yaml"))
        if not crds:
            raise ClusterError(f"{self.binaries}/snapshot-crds: missing; tools/e2e-binaries has it")
        manifests = [crd.read_text() for crd in crds]
        addresses = {"coredns": DNS_SERVICE_ADDRESS, "snapshot-controller": ""}
        for name, address in addresses.items():
            template = Template((_MANIFESTS / f"{name}.yaml").read_text())
            manifests.append(template.substitute(image=needed[name], address=address))
        self.control.kubectl(
            "apply", "--server-side", "--filename=-", text="\n---\n".join(manifests)
        )

    def _start_node(self, node: Node, archives: list[Path], api: Future[None]) -> None:
        node.start_machine()
        node.start_containerd()
        _import(node, archives)
        # kubelet would try again by itself, but later than it can.
        api.result()
        node.start_kubelet()
        node.machine.start_daemon(node.kube_proxy)

    # ---- down ----

    @staticmethod
    def down(directory: Path) -> None:
        """Takes away whatever there is of the cluster in a directory. Nothing is an answer, too."""
        _need_root()
        places = Places(directory.resolve())
        if not places.directory.exists():
            return
        if not places.state.exists():
            try:
                places.directory.rmdir()  # `up` was cut off before its first step
            except OSError as error:
                raise ClusterError(
                    f"{directory} has no cluster.json, so it is no cluster's: nothing was removed"
                ) from error
            return
        with _alone(places):
            Cluster.existing(directory)._unmake()

    def _unmake(self) -> None:
        at_once([node.stop for node in self.nodes.values()])
        self.control.stop()
        directory = self.places.directory
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        mounted = {Path(line.split()[4]) for line in mounts}
        inside = [str(place) for place in mounted if directory in place.parents]
        if inside:
            raise ClusterError(f"{', '.join(inside)}: not mounted by the cluster; unmount it first")
        for entry in directory.iterdir():
            if entry != self.places.state:
                run(["rm", "-rf", "--one-file-system", "--", str(entry)])
        # The last step: `down` that is cut off goes on where it was.
        self.places.state.unlink()
        if directory not in mounted:
            directory.rmdir()

    # ---- status ----

    def parts(self) -> list[Part]:
        """All daemons."""
        machines: list[tuple[Machine, tuple[Daemon, ...]]] = [
            (self.control.machine, self.control.daemons),
            *((node.machine, node.daemons) for node in self.nodes.values()),
        ]
        return [
            Part(machine.name, daemon.name, machine.find_daemon(daemon))
            for machine, daemons in machines
            for daemon in daemons
        ]


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Keeps `up` and `down` from doing their work at the same time."""
    with open(places.state) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(
                f"another `up` or `down` is at work in {places.directory}: let it end, or end it"
            ) from None
        yield


def _import(node: Node, archives: list[Path]) -> None:
    for archive in archives:
        node.import_image(archive)


def _read_state(places: Places) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(places.state.read_text())
    except FileNotFoundError:
        raise ClusterError(
            f"there is no cluster in {places.directory}: `./dev cluster up` makes one"
        ) from None
    if state["format"] != _STATE_FORMAT:
        raise ClusterError(
            f"{places.state} has a format that this checkout does not know, {state['format']}: "
            "take the cluster down with the checkout that made it"
        )
    return state


def _need_root() -> None:
    if os.geteuid() != 0:
        raise ClusterError("this needs root: a node is mounts, namespaces and loop devices")
