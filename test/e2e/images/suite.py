# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the images that Kubernetes' suite for external storage runs: busybox, with agnhost
or programs of Debian's where that is asked for. Of nginx, too, it uses the shell only."""

from __future__ import annotations

import os
import re
from pathlib import Path

from images.archive import Config, Entry
from images.image import Image
from images.run import run
from images.single import MissingError, busybox_entries, make_image

_NAME = re.compile(r"\S+/e2e-test-images/(agnhost|busybox|glibc-dns-testing|nginx):\S+")

# busybox's dd can't do all that is asked of it, and its shell prefers what is in busybox.
_DEBIAN = {"bin/dd": "/bin/dd", "bin/sh": "/bin/dash"}


def make_suite(out: Path, binaries: Path) -> list[Image]:
    """All versions that the suite in `binaries` names: which are for storage it doesn't say."""
    suite, agnhost = binaries / "e2e.test", binaries / "agnhost"
    for program in (suite, agnhost):
        if not os.access(program, os.X_OK):
            raise MissingError(f"{program} is missing: tools/e2e-binaries builds it")
    busybox = busybox_entries()
    made = []
    for found in filter(None, map(_NAME.fullmatch, sorted(run([suite, "--list-images"]).split()))):
        entries, config = busybox, Config(command=("sh",))
        if found[1] == "agnhost":
            entries = [*busybox, Entry("agnhost", source=agnhost)]
            config = Config(entrypoint=("/agnhost",), command=("pause",))
        elif found[1] == "glibc-dns-testing":
            kept = (entry for entry in busybox if entry.path not in _DEBIAN)
            entries = [*kept, *_debian_entries()]
        made.append(make_image(out, found[0], entries, config))
    return made


def _debian_entries() -> list[Entry]:
    """Programs of this machine's, with their libraries."""
    said = run(["ldd", *_DEBIAN.values()])
    libraries = set(re.findall(r"(?:=> |^\s*)/(\S+) \(0x", said, re.MULTILINE))
    files = _DEBIAN | {library: f"/{library}" for library in sorted(libraries)}
    return [Entry(path, source=Path(source)) for path, source in files.items()]
