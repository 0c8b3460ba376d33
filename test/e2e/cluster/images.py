# SPDX-License-Identifier: Apache-2.0
"""Images: archives in the form of `docker save`. There is no registry."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from .run import ClusterError


def archives(places: Iterable[Path]) -> list[Path]:
    """The archives that are meant: files, and *.tar in directories."""
    found: list[Path] = []
    for place in places:
        inside = sorted(place.glob("*.tar")) if place.is_dir() else [place]
        if not inside or not inside[0].exists():
            raise ClusterError(f"there is no image in {place}; `--images` says where they are")
        found += inside
    return found


def tags(archive: Path) -> list[str]:
    """The names, with tags, of the images in an archive."""
    try:
        with tarfile.open(archive) as tar:
            manifest = tar.extractfile("manifest.json")
            if manifest is None:
                raise KeyError("manifest.json")
            return [tag for image in json.load(manifest) for tag in image.get("RepoTags") or []]
    except (KeyError, ValueError, tarfile.TarError) as error:
        raise ClusterError(
            f"{archive} is no image in the form of `docker save`: {error}; make it again"
        ) from error


def find(wanted: list[Path], name: str) -> str:
    """The image whose name ends in `name`, with any registry and tag, as containerd calls it."""
    for archive in wanted:
        for tag in tags(archive):
            if tag.rpartition(":")[0].split("/")[-1] == name:
                return canonical(tag)
    raise ClusterError(
        f"the cluster itself needs an image of {name}, and none of {len(wanted)} is one: "
        "`--images` says where they are"
    )


def canonical(tag: str) -> str:
    """A name with the registry and folder that are understood when it has none."""
    first, slash, _ = tag.partition("/")
    if not slash:
        return f"docker.io/library/{tag}"
    if "." in first or ":" in first or first == "localhost":
        return tag
    return f"docker.io/{tag}"
