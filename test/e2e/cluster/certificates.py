# SPDX-License-Identifier: Apache-2.0
"""Keys, certificates and kubeconfigs. They live as long as the cluster."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .config import API_SERVICE_ADDRESS, API_URL, CLUSTER_DOMAIN, CONTROL_ADDRESS, NodeConfig
from .run import at_once, run, write

_DAYS = "365"


@dataclass(frozen=True)
class _Certificate:
    """One to be issued. `names` are subject alternative names, as openssl spells them."""

    file: str
    subject: str
    names: tuple[str, ...] = ()
    authority: str = "ca"


class Pki:
    """The directory of a cluster's keys: FILE.key and FILE.crt."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def key(self, file: str) -> Path:
        """A private key."""
        return self.directory / f"{file}.key"

    def certificate(self, file: str) -> Path:
        """A certificate."""
        return self.directory / f"{file}.crt"

    def make(self, nodes: tuple[NodeConfig, ...]) -> None:
        """Makes all of them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        os.chmod(self.directory, 0o700)
        # Without this the defaults of the system's openssl.cnf would get into the certificates.
        write(self.directory / "openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")
        at_once([partial(self._authority, "ca"), partial(self._authority, "front-proxy-ca")])
        wanted = [
            _Certificate(
                "apiserver",
                "/CN=kube-apiserver",
                (
                    f"IP:{CONTROL_ADDRESS}",
                    f"IP:{API_SERVICE_ADDRESS}",
                    "DNS:kubernetes",
                    "DNS:kubernetes.default",
                    "DNS:kubernetes.default.svc",
                    f"DNS:kubernetes.default.svc.{CLUSTER_DOMAIN}",
                ),
            ),
            _Certificate(
                "apiserver-kubelet-client", "/O=system:masters/CN=apiserver-kubelet-client"
            ),
            _Certificate("front-proxy-client", "/CN=front-proxy-client", (), "front-proxy-ca"),
            _Certificate("admin", "/O=system:masters/CN=admin"),
            _Certificate("controller-manager", "/CN=system:kube-controller-manager"),
            _Certificate("scheduler", "/CN=system:kube-scheduler"),
            _Certificate("kube-proxy", "/CN=system:kube-proxy"),
        ]
        for node in nodes:
            wanted.append(
                _Certificate(
                    node.name,
                    f"/O=system:nodes/CN=system:node:{node.name}",
                    (f"IP:{node.address}", f"DNS:{node.name}"),
                )
            )
        tasks: list[Callable[[], None]] = [partial(self._issue, one) for one in wanted]
        at_once([*tasks, self._service_account_key])

    def kubeconfig(self, file: str) -> str:
        """A kubeconfig with all that it takes in itself, for who has that certificate."""

        def data(path: Path) -> str:
            return base64.b64encode(path.read_bytes()).decode()

        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "nodevol",
                        "cluster": {
                            "server": API_URL,
                            "certificate-authority-data": data(self.certificate("ca")),
                        },
                    }
                ],
                "users": [
                    {
                        "name": file,
                        "user": {
                            "client-certificate-data": data(self.certificate(file)),
                            "client-key-data": data(self.key(file)),
                        },
                    }
                ],
                "contexts": [{"name": "nodevol", "context": {"cluster": "nodevol", "user": file}}],
                "current-context": "nodevol",
            },
            indent=1,
        )

    def _new(self, file: str, subject: str, *more: str) -> None:
        command = [
            "openssl",
            "req",
            "-config",
            str(self.directory / "openssl.cnf"),
            "-x509",
            "-new",
        ]
        command += [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-noenc",
            "-days",
            _DAYS,
        ]
        command += ["-subj", subject, "-keyout", str(self.key(file))]
        run([*command, "-out", str(self.certificate(file)), *more])

    def _authority(self, file: str) -> None:
        extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        self._new(file, f"/CN={file}", *_add(extensions))

    def _issue(self, wanted: _Certificate) -> None:
        extensions = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            "extendedKeyUsage=clientAuth,serverAuth",
        ]
        if wanted.names:
            extensions.append("subjectAltName=" + ",".join(wanted.names))
        signer = ["-CA", str(self.certificate(wanted.authority))]
        signer += ["-CAkey", str(self.key(wanted.authority))]
        self._new(wanted.file, wanted.subject, *signer, *_add(extensions))

    def _service_account_key(self) -> None:
        key = str(self.key("service-accounts"))
        options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key]
        run(["openssl", "genpkey", *options])


def _add(extensions: list[str]) -> list[str]:
    return [argument for extension in extensions for argument in ("-addext", extension)]
