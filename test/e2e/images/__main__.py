# SPDX-License-Identifier: Apache-2.0
"""python3 -m images OUT --binaries DIRECTORY [--driver PROGRAM] [--only WORD...]: makes the images
that are not in OUT yet, and says of each its name and where its archive is."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from images.base import make_base
from images.driver import make_driver
from images.image import Image
from images.mariadb import make_mariadb
from images.pins import PinError
from images.run import RunError
from images.single import MissingError, make_busybox, make_go_programs, make_pause
from images.sources import SourcesError
from images.suite import make_suite

# What a cluster needs.
GROUPS = ("pause", "busybox", "go", "driver", "mariadb")
# The base is for tests of the images, the suite for Kubernetes' tests of storage.
MORE_GROUPS = ("base", "suite")
KEPT_SECONDS = 14 * 24 * 3600  # what nobody has asked for since then is removed


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m images", description="Makes the end-to-end tests' images."
    )
    parser.add_argument("out", type=Path, help="where they are kept, by what they are made of")
    parser.add_argument("--binaries", type=Path, help="directory of the static Go programs")
    parser.add_argument(
        "--driver",
        type=Path,
        help="nodevol, compiled on Debian 12; without it, the Dockerfile compiles it",
    )
    parser.add_argument(
        "--only", nargs="+", choices=(*MORE_GROUPS, *GROUPS), default=GROUPS, help="not all of them"
    )
    arguments = parser.parse_args()
    if {"go", "suite"} & set(arguments.only) and arguments.binaries is None:
        parser.error("--binaries must say where the Go programs are; --only makes the others")
    out: Path = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[], list[Image]]] = {
        "base": lambda: [make_base(out)],
        "pause": lambda: [make_pause(out)],
        "busybox": lambda: [make_busybox(out)],
        "go": lambda: make_go_programs(out, arguments.binaries.resolve()),
        "driver": lambda: make_driver(
            out, _used(make_base(out).archive), arguments.driver and arguments.driver.resolve()
        ),
        "mariadb": lambda: [make_mariadb(out, _used(make_base(out).archive))],
        "suite": lambda: make_suite(out, arguments.binaries.resolve()),
    }
    try:
        with _alone(out):
            _sweep(out)
            for group in arguments.only:
                for image in makers[group]():
                    print(image.name, _used(image.archive), flush=True)
            _forget(out)
    except (MissingError, PinError, RunError, SourcesError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """One at a time: what another one makes needs not be made twice."""
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(out: Path) -> None:
    """Removes what somebody left who was killed; the mounts were in namespaces that are gone."""
    for left in [*out.glob("*-????????/"), *out.glob("*.tmp")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _used(archive: Path) -> Path:
    os.utime(archive)
    return archive


def _forget(out: Path) -> None:
    limit = time.time() - KEPT_SECONDS
    for archive in out.glob("*.tar"):
        if archive.stat().st_mtime < limit:
            archive.unlink()


if __name__ == "__main__":
    sys.exit(main())
