# SPDX-License-Identifier: Apache-2.0
"""buildah, with a store of its own that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from images.run import OWN_MOUNTS, run


@dataclass(frozen=True)
class Build:
    """What is built of a Dockerfile."""

    directory: Path  # the context
    file: Path
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, Path] = field(default_factory=dict)  # directories that stand for stages
    volumes: Mapping[Path, str] = field(
        default_factory=dict
    )  # mounted, to be read, while it is built


@dataclass(frozen=True)
class Buildah:
    """Commands on one store."""

    store: Path
    cache: Path

    def load(self, archive: Path) -> str:
        """Takes the image of an archive into the store; its name there."""
        return self._run("pull", "--quiet", f"docker-archive:{archive}").strip()

    def build(self, build: Build, name: str, archive: Path) -> None:
        """Builds an image, and writes it to an archive. That is there whole or not at all."""
        command = [
            "build",
            # Processes in a chroot of ours: what else buildah has wants cgroups and capabilities
            # that not every machine gives.
            "--isolation=chroot",
            "--layers",
            "--pull=never",
            "--format=docker",
            "--timestamp=0",
            f"--file={build.file}",
            f"--tag={name}",
        ]
        command += [f"--target={build.target}"] if build.target else []
        command += [f"--build-arg={key}={value}" for key, value in build.arguments.items()]
        command += [f"--build-context={stage}={path}" for stage, path in build.contexts.items()]
        command += [f"--volume={path}:{at}:ro" for path, at in build.volumes.items()]
        self._run(*command, str(build.directory))
        unfinished = archive.with_suffix(".tmp")
        unfinished.unlink(missing_ok=True)
        self._run("push", "--quiet", name, f"docker-archive:{unfinished}:{name}")
        unfinished.rename(archive)

    def _run(self, *arguments: str) -> str:
        store = [
            f"--root={self.store}/root",
            f"--runroot={self.store}/run",
            "--storage-driver=overlay",
        ]
        # What RUN --mount=type=cache keeps between builds is in TMPDIR.
        environment = {**os.environ, "TMPDIR": str(self.cache)}
        return run([*OWN_MOUNTS, "buildah", *store, *arguments], environment=environment)


@contextmanager
def buildah(out: Path) -> Iterator[Buildah]:
    """buildah with an empty store, and with `out` for its caches."""
    cache = out / "buildah-cache"
    cache.mkdir(parents=True, exist_ok=True)
    store = Path(tempfile.mkdtemp(prefix="store-", dir=out))
    try:
        yield Buildah(store, cache)
    finally:
        # Its mounts went with its processes.
        shutil.rmtree(store)
