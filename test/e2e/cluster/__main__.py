# SPDX-License-Identifier: Apache-2.0
"""The verbs for people: python3 -m cluster up|down|status|import|kubectl|run."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from . import images
from .cluster import Cluster
from .config import default_directory
from .run import ClusterError


def _up(arguments: argparse.Namespace) -> int:
    archives = images.archives(arguments.images)
    cluster = Cluster(default_directory(), arguments.binaries)
    began = time.monotonic()
    cluster.up(archives)
    print(f"{len(cluster.nodes)} nodes are Ready after {time.monotonic() - began:.0f} s")
    print(f"logs are in {cluster.places.machine('*')}/logs")
    return 0


def _down(_: argparse.Namespace) -> int:
    Cluster.down(default_directory())
    return 0


def _status(_: argparse.Namespace) -> int:
    cluster = Cluster.existing(default_directory())
    parts = cluster.parts()
    for part in parts:
        print(f"{part.machine:10} {part.daemon:26} {part.pid or 'does not run'}")
    api = cluster.control.machine.find_pid() is not None and cluster.control.api_ready()
    print(cluster.control.kubectl("get", "nodes") if api else "the API server does not answer")
    ready = api and all(cluster.ready(name) == "True" for name in cluster.nodes)
    return 0 if ready and all(part.pid for part in parts) else 1


def _import(arguments: argparse.Namespace) -> int:
    Cluster.existing(default_directory()).import_images(images.archives(arguments.images))
    return 0


def _run(command: list[str]) -> NoReturn:
    argv = Cluster.existing(default_directory()).control.command(*command)
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def main() -> int:
    """Reads the command line and does it."""
    parser = argparse.ArgumentParser(
        prog="cluster", description="A Kubernetes cluster on one machine."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    up = verbs.add_parser("up", help="make the cluster")
    up.add_argument(
        "--binaries", type=Path, required=True, help="the directory of tools/e2e-binaries"
    )
    up.set_defaults(do=_up)
    verbs.add_parser("down", help="take it away, or what there is of it").set_defaults(do=_down)
    verbs.add_parser("status", help="say what runs; 0 when all is well").set_defaults(do=_status)
    more = verbs.add_parser("import", help="give images to the nodes")
    more.set_defaults(do=_import)
    for verb in (up, more):
        verb.add_argument(
            "--images",
            type=Path,
            nargs="+",
            required=True,
            help="archives, or directories with *.tar",
        )
    verbs.add_parser("kubectl", help="run kubectl on the cluster")
    verbs.add_parser("run", help="run a command where the API is, with KUBECONFIG set")
    try:
        # What follows these is the other command's, `--` and all.
        if sys.argv[1:2] == ["kubectl"]:
            _run(sys.argv[1:])
        if sys.argv[1:2] == ["run"] and len(sys.argv) > 2:
            _run(sys.argv[2:])
        arguments = parser.parse_args()
        if not hasattr(arguments, "do"):
            parser.error("run which command?")
        return int(arguments.do(arguments))
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
