# SPDX-License-Identifier: Apache-2.0
"""The driver's own images, by the Dockerfile of the checkout."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from images.buildah import Build, buildah
from images.image import Image
from images.key import key_of
from images.pins import CHECKOUT, driver_version
from images.run import run

TARGETS = ("node", "controller")
_DOCKERFILE = CHECKOUT / "Dockerfile"
_MODULES = "/mnt"  # where a build finds Go modules


def make_driver(out: Path, base: Path, binary: Path | None) -> list[Image]:
    """nodevol-node and nodevol-controller on this base; of a program that was compiled outside, or,
    without one, of this checkout's sources."""
    version = driver_version()
    with _contexts(out, binary) as contexts:
        how = [_DOCKERFILE, *sorted((CHECKOUT / "deploy/image").iterdir()), CHECKOUT / "LICENSE"]
        what = _sources() if binary is None else [contexts["build"] / "out/nodevol"]
        key = key_of(base.name, version, *how, *what)
        images = {
            target: Image(
                f"docker.io/library/nodevol-{target}:{version}", out / f"nodevol-{target}-{key}.tar"
            )
            for target in TARGETS
        }
        if not all(image.archive.exists() for image in images.values()):
            with buildah(out) as tool:
                arguments = {"BASE": tool.load(base), "VERSION": version}
                volumes = {} if binary else {_fetched_modules(): _MODULES}
                if volumes:
                    arguments["GOPROXY"] = f"file://{_MODULES}"
                for target, image in images.items():
                    build = Build(CHECKOUT, _DOCKERFILE, target, arguments, contexts, volumes)
                    tool.build(build, image.name, image.archive)
    return list(images.values())


@contextmanager
def _contexts(out: Path, binary: Path | None) -> Iterator[dict[str, Path]]:
    """A directory that stands for the stage `build`."""
    if binary is None:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="build-", dir=out) as work:
        stripped = Path(work) / "out/nodevol"
        stripped.parent.mkdir()
        shutil.copy(binary, stripped)
        run(["strip", stripped])
        yield {"build": Path(work)}


def _fetched_modules() -> Path:
    """The Go modules that hold .proto files, as a proxy serves them, fetched by this machine: it may
    have certificates or proxies that a container doesn't know."""
    run(["go", "mod", "download"], directory=CHECKOUT / "proto")
    return Path(run(["go", "env", "GOMODCACHE"]).strip()) / "cache/download"


def _sources() -> list[str | Path]:
    """The names and contents of all that the Dockerfile may read."""
    listed = run(
        ["git", "-C", CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        + ["--", ".", ":!docs", ":!test/e2e", ":!test/images", ":!deploy/helm", ":!*.md"]
    )
    parts: list[str | Path] = []
    for name in sorted(set(filter(None, listed.split("\0")))):
        if (CHECKOUT / name).is_file():
            parts += [name, CHECKOUT / name]
    return parts
