# SPDX-License-Identifier: Apache-2.0
"""The control plane: etcd, API server, controller manager, scheduler, on a machine of its own."""

from __future__ import annotations

import shutil
import signal
from functools import partial
from pathlib import Path

from . import network
from .certificates import Pki
from .config import (
    API_PORT,
    BIN,
    CLUSTER_DOMAIN,
    CONFIG,
    CONTROL_ADDRESS,
    SERVICE_NETWORK,
    NodeConfig,
    Places,
)
from .machine import Daemon, Machine
from .run import ClusterError, at_once, run, write

_ETCD = "http://127.0.0.1:2379"

# Enough that what a test waits for is not the limit of requests of a client of Kubernetes' own.
_QPS = ("--kube-api-qps=100", "--kube-api-burst=200")


class ControlPlane:
    """What answers to kubectl."""

    def __init__(self, places: Places, binaries: Path, nodes: tuple[NodeConfig, ...]) -> None:
        self.machine = Machine(places, "control", binaries)
        self._places = places
        self._binaries = binaries
        self._nodes = nodes
        self.etcd = Daemon(
            "etcd",
            (
                str(BIN / "etcd"),
                # On tmpfs, and not synced: the cluster does not outlive the machine's memory.
                "--data-dir=/run/etcd",
                "--unsafe-no-fsync",
                f"--listen-client-urls={_ETCD}",
                f"--advertise-client-urls={_ETCD}",
                "--listen-peer-urls=http://127.0.0.1:2380",
                "--initial-advertise-peer-urls=http://127.0.0.1:2380",
                "--initial-cluster=default=http://127.0.0.1:2380",
                "--log-level=warn",
            ),
        )
        self.api_server = Daemon(
            "kube-apiserver",
            (
                str(BIN / "kube-apiserver"),
                f"--etcd-servers={_ETCD}",
                f"--bind-address={CONTROL_ADDRESS}",
                f"--advertise-address={CONTROL_ADDRESS}",
                f"--secure-port={API_PORT}",
                f"--service-cluster-ip-range={SERVICE_NETWORK}",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                "--allow-privileged=true",
                f"--client-ca-file={CONFIG}/ca.crt",
                f"--tls-cert-file={CONFIG}/apiserver.crt",
                f"--tls-private-key-file={CONFIG}/apiserver.key",
                f"--service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
                f"--service-account-key-file={CONFIG}/service-accounts.key",
                f"--service-account-signing-key-file={CONFIG}/service-accounts.key",
                f"--kubelet-certificate-authority={CONFIG}/ca.crt",
                f"--kubelet-client-certificate={CONFIG}/apiserver-kubelet-client.crt",
                f"--kubelet-client-key={CONFIG}/apiserver-kubelet-client.key",
                "--kubelet-preferred-address-types=InternalIP",
                f"--requestheader-client-ca-file={CONFIG}/front-proxy-ca.crt",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
                f"--proxy-client-cert-file={CONFIG}/front-proxy-client.crt",
                f"--proxy-client-key-file={CONFIG}/front-proxy-client.key",
                # There is no kube-proxy here: what serves an API or a webhook is asked at its pod.
                "--enable-aggregator-routing=true",
            ),
        )
        self.controller_manager = Daemon(
            "kube-controller-manager",
            (
                str(BIN / "kube-controller-manager"),
                *_as_client("controller-manager"),
                *_QPS,
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={CONFIG}/service-accounts.key",
                f"--root-ca-file={CONFIG}/ca.crt",
                # By default it makes a directory in /usr, which is the host's.
                "--flex-volume-plugin-dir=/var/lib/volume-plugins",
            ),
        )
        self.scheduler = Daemon(
            "kube-scheduler", (str(BIN / "kube-scheduler"), *_as_client("scheduler"), *_QPS)
        )

    @property
    def daemons(self) -> tuple[Daemon, ...]:
        """All of them, in the order in which they are started."""
        return (self.etcd, self.api_server, self.controller_manager, self.scheduler)

    def configure(self, pki: Pki) -> None:
        """Writes what the daemons read."""
        config = self.machine.config
        config.mkdir(parents=True, exist_ok=True)
        for file in ("ca", "front-proxy-ca"):
            shutil.copy(pki.certificate(file), config)
        for file in ("apiserver", "apiserver-kubelet-client", "front-proxy-client"):
            shutil.copy(pki.certificate(file), config)
            shutil.copy(pki.key(file), config)
        shutil.copy(pki.key("service-accounts"), config)
        for file in ("controller-manager", "scheduler"):
            write(config / f"{file}.kubeconfig", pki.kubeconfig(file))
        write(self._places.admin_kubeconfig, pki.kubeconfig("admin"))

    def start_machine(self) -> None:
        """Starts the machine with the nodes' bridge."""
        self.machine.start()
        network.set_up_control(self.machine, self._nodes)

    def start(self) -> None:
        """Starts the daemons; returns when the API server is ready for everything."""
        self.machine.start_daemon(self.etcd)
        self.start_daemon(self.api_server)
        at_once(
            [
                partial(self.start_daemon, self.controller_manager),
                partial(self.start_daemon, self.scheduler),
            ]
        )

    def start_daemon(self, daemon: Daemon) -> None:
        """Starts one of the daemons; the API server is waited for."""
        self.machine.start_daemon(daemon)
        if daemon == self.api_server:
            ready = self.command("kubectl", "get", "--raw=/readyz")
            self.machine.wait_for(daemon, "the API server is ready", ready, seconds=180)

    def kill_daemon(self, daemon: Daemon, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends one of the daemons."""
        self.machine.kill_daemon(daemon, how)

    def command(self, *argv: str) -> list[str]:
        """The command line that runs a command of the host where the API server can be reached.

        Files and the working directory are the host's; KUBECONFIG is set, and our kubectl and helm
        are found first. What kubectl remembers of the cluster goes when the cluster goes.
        """
        return self.machine.network_command(
            "env",
            f"KUBECONFIG={self._places.admin_kubeconfig}",
            f"KUBECACHEDIR={self._places.directory}/kubectl-cache",
            "bash",
            "-c",
            'PATH=$1:$PATH; shift; exec "$@"',
            "command",
            str(self._binaries),
            *argv,
        )

    def kubectl(self, *arguments: str, text: str | None = None, seconds: float = 300) -> str:
        """Runs kubectl, with `text` as its input, and returns what it wrote."""
        return run(self.command("kubectl", *arguments), text=text, seconds=seconds)

    def stop(self) -> None:
        """Ends everything, the state of the cluster included."""
        self.machine.stop()

    def api_ready(self) -> bool:
        """Whether the API server answers."""
        try:
            return self.kubectl("get", "--raw=/readyz", "--request-timeout=5s").strip() == "ok"
        except ClusterError:
            return False


def _as_client(name: str) -> tuple[str, ...]:
    """Flags of what works on the API server and serves nobody but itself."""
    kubeconfig = f"{CONFIG}/{name}.kubeconfig"
    return (
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    )
