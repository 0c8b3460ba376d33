# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the images that Kubernetes' suite for external storage runs: busybox, with agnhost where that
is asked for. Of nginx, too, it uses the shell only."""

from __future__ import annotations

import os
import re
from pathlib import Path

from images.archive import Config, Entry
from images.image import Image
from images.run import run
from images.single import MissingError, busybox_entries, make_image

_NAME = re.compile(r"\S+/e2e-test-images/(agnhost|busybox|nginx):\S+")


def make_suite(out: Path, binaries: Path) -> list[Image]:
    """All versions that the suite in `binaries` names: it doesn't say which of them are for storage."""
    suite, agnhost = binaries / "e2e.test", binaries / "agnhost"
    for program in (suite, agnhost):
        if not os.access(program, os.X_OK):
            raise MissingError(f"{program} is missing: tools/e2e-binaries builds it")
    busybox = busybox_entries()
    made = []
    for found in filter(None, map(_NAME.fullmatch, sorted(run([suite, "--list-images"]).splitlines()))):
        if found[1] == "agnhost":
            config = Config(entrypoint=("/agnhost",), command=("pause",))
            made.append(make_image(out, found[0], [*busybox, Entry("agnhost", source=agnhost)], config))
        else:
            made.append(make_image(out, found[0], busybox, Config(command=("sh",))))
    return made
