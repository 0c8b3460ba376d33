# SPDX-License-Identifier: Apache-2.0
"""MariaDB from Debian's packages, for the example of a primary with replicas."""

from __future__ import annotations

from pathlib import Path

from images.buildah import Build, buildah
from images.image import Image
from images.key import key_of

NAME = "docker.io/library/mariadb:10.11"
_DIRECTORY = Path(__file__).parent / "mariadb"


def make_mariadb(out: Path, base: Path) -> Image:
    """The image on this base."""
    archive = out / f"mariadb-{key_of(base.name, *sorted(_DIRECTORY.iterdir()))}.tar"
    if not archive.exists():
        with buildah(out) as tool:
            build = Build(
                _DIRECTORY, _DIRECTORY / "Dockerfile", arguments={"BASE": tool.load(base)}
            )
            tool.build(build, NAME, archive)
    return Image(NAME, archive)
