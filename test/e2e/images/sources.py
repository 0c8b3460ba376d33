# SPDX-License-Identifier: Apache-2.0
"""Where this machine has its Debian packages from; the base gets them from the same place."""

from __future__ import annotations

from dataclasses import dataclass

from images.run import run

RELEASE = "bookworm"
# Of the release: what it began with, its updates, and those for security.
SUITES = {RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security"}


class SourcesError(Exception):
    """This machine's apt can't serve Debian 12."""


@dataclass(frozen=True)
class Sources:
    """A mirror for debootstrap, and the text of a sources.list."""

    mirror: str
    text: str


def machine_sources() -> Sources:
    """Those of main that apt has here. SourcesError when the release itself isn't among them."""
    listed = run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(CODENAME) $(COMPONENT)",
            "Created-By: Packages",
        ]
    )
    found = sorted({tuple(line.split()) for line in listed.splitlines()})
    lines = [
        f"deb {uri} {suite} {component}"
        for uri, suite, component in found
        if suite in SUITES and component == "main"
    ]
    mirrors = [uri for uri, suite, component in found if suite == RELEASE and component == "main"]
    if not mirrors:
        raise SourcesError(
            f'apt knows no "{RELEASE} main": the images need a machine with Debian 12, or with its sources'
            " in /etc/apt, after apt-get update"
        )
    return Sources(mirrors[0].rstrip("/"), "\n".join(lines) + "\n")
