# SPDX-License-Identifier: Apache-2.0
"""An API server that has one Secret at most: enough for helm to look up what the release before
has left."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Iterator

from chart import NEWEST, Object

MISSING = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "NotFound",
    "code": 404,
}


def discovery(objects: list[Object]) -> dict[str, Object]:
    """What an API server with the kinds of these objects says of itself, by path."""
    resources: dict[str, dict[str, Object]] = {}
    for made in objects:
        kind = made["kind"]
        resources.setdefault(made["apiVersion"], {})[kind] = {
            "name": kind.lower() + "s",
            "singularName": kind.lower(),
            "kind": kind,
            "verbs": ["get", "list"],
            "namespaced": "namespace" in made["metadata"],
        }
    groups = []
    known: dict[str, Object] = {}
    for version, kinds in resources.items():
        listed = {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": list(kinds.values()),
        }
        known[f"/apis/{version}" if "/" in version else f"/api/{version}"] = listed
        if "/" in version:
            preferred = {"groupVersion": version, "version": version.split("/")[1]}
            groups.append(
                {
                    "name": version.split("/")[0],
                    "versions": [preferred],
                    "preferredVersion": preferred,
                }
            )
    major, minor = NEWEST.split(".")
    return known | {
        "/version": {"major": major, "minor": minor, "gitVersion": f"v{NEWEST}.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }


@contextmanager
def serving(objects: list[Object], secret: Object | None) -> Iterator[str]:
    """The URL of a server that knows the kinds of the objects and has that Secret, or none, while
    it is there."""
    known = discovery(objects)
    if secret is not None:
        metadata = secret["metadata"]
        known[f"/api/v1/namespaces/{metadata['namespace']}/secrets/{metadata['name']}"] = secret

    class Handler(BaseHTTPRequestHandler):
        """Answers from the table."""

        def do_GET(self) -> None:
            """What the table has, or that there is no such thing."""
            path = self.path.split("?")[0]
            status = 200 if path in known else 404
            body = json.dumps(known.get(path, MISSING)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: what is asked is no result."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
