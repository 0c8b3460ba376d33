# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an API server with two empty nodes, at which nothing but namespaces can be made.

Whether a spec is for a driver is decided when it runs, so a dry run of ginkgo's counts all of them.
Here a spec runs until it asks for something real, and fails with REFUSED; what isn't for the driver
skips itself before that."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from manifests import TOPOLOGY_KEY

REFUSED = "nothing can be made here"

_NODES = ("node-1", "node-2")


@contextmanager
def stand_in(directory: Path) -> Iterator[Path]:
    """Serves; gives a kubeconfig, which is written to the directory."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            kubeconfig = directory / "kubeconfig"
            kubeconfig.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{server.server_port}")))
            yield kubeconfig
        finally:
            server.shutdown()
            thread.join()


def make_ssh_key(file: Path) -> None:
    """A key that opens nothing: specs that restart kubelets skip themselves where there is none."""
    subprocess.run(
        ["openssl", "genrsa", "-out", str(file), "2048"], check=True, capture_output=True
    )


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stand-in",
        "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "stand-in"}}],
        "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
        "users": [{"name": "stand-in", "user": {}}],
    }


def _node(name: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                TOPOLOGY_KEY: name,
            },
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def _list(version: str, kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {}, "items": list(items)}


# What the suite asks before its first spec, and nodes, of which specs choose one.
_ANSWERS: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "0", "gitVersion": "v1.0.0"},
    "/api/v1/nodes": _list("v1", "NodeList", *map(_node, _NODES)),
    "/api/v1/namespaces/kube-system/pods": _list("v1", "PodList"),
    "/api/v1/namespaces/kube-system/replicationcontrollers": _list(
        "v1", "ReplicationControllerList"
    ),
    "/apis/apps/v1/namespaces/kube-system/replicasets": _list("apps/v1", "ReplicaSetList"),
    "/apis/apps/v1/namespaces/kube-system/daemonsets": _list("apps/v1", "DaemonSetList"),
    "/api/v1/namespaces/default/services/kubernetes": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes"},
        "spec": {"clusterIP": "10.96.0.1"},
    },
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if self.command == "GET" and path in _ANSWERS:
            self._send(200, _ANSWERS[path])
        elif self.command == "POST" and path == "/api/v1/namespaces":
            self._send(201, json.loads(body))
        else:
            # Forbidden is what no client tries again.
            status = {"status": "Failure", "reason": "Forbidden", "code": 403, "message": REFUSED}
            self._send(403, {"apiVersion": "v1", "kind": "Status", "metadata": {}, **status})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _send(self, code: int, answer: dict[str, Any]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
