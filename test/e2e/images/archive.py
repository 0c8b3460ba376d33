# SPDX-License-Identifier: Apache-2.0
"""Images of one layer, in the form of `docker save`, the same bytes for the same content."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_EPOCH = "1970-01-01T00:00:00Z"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Entry:
    """One thing in a layer: a file with bytes or from a path, a link, or else a directory."""

    path: str
    mode: int = 0o755
    content: bytes | None = None
    source: Path | None = None
    link: str | None = None


@dataclass(frozen=True)
class Config:
    """How a container of the image is started."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    environment: tuple[str, ...] = (PATH,)


def write_layer(layer: Path, entries: Iterable[Entry]) -> None:
    """A layer of these entries, in their order."""
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mode = entry.mode
            if entry.link is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                tar.addfile(info)
            elif entry.source is not None:
                info.size = entry.source.stat().st_size
                with entry.source.open("rb") as file:
                    tar.addfile(info, file)
            elif entry.content is not None:
                info.size = len(entry.content)
                tar.addfile(info, io.BytesIO(entry.content))
            else:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)


def write_image(archive: Path, name: str, layer: Path, config: Config) -> None:
    """An archive with the image `name` (with its tag) of one layer. It is there whole or not at all."""
    digest = _sha256(layer)
    about = json.dumps(
        {
            "architecture": os.uname()
            .machine.replace("x86_64", "amd64")
            .replace("aarch64", "arm64"),
            "os": "linux",
            "created": _EPOCH,
            "config": {
                "Entrypoint": list(config.entrypoint),
                "Cmd": list(config.command),
                "User": config.user,
                "Env": list(config.environment),
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            # buildah refuses to build on an image whose history doesn't have all its layers.
            "history": [{"created": _EPOCH, "created_by": name}],
        }
    ).encode()
    config_name = hashlib.sha256(about).hexdigest() + ".json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}.tar"]}]
    unfinished = archive.with_suffix(".tmp")
    write_layer(
        unfinished,
        [
            Entry("manifest.json", 0o644, content=json.dumps(manifest).encode()),
            Entry(config_name, 0o644, content=about),
            Entry(f"{digest}.tar", 0o644, source=layer),
        ],
    )
    unfinished.rename(archive)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
