# SPDX-License-Identifier: Apache-2.0
"""The Debian base of all images that need one: what debian:12-slim is, made here."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from images.archive import Config, write_image
from images.image import Image
from images.key import key_of
from images.run import OWN_MOUNTS, run
from images.sources import RELEASE, Sources, machine_sources

_HOW = (Path(__file__), Path(__file__).with_name("archive.py"))
NAME = "localhost/nodevol-e2e-base:12-slim"

# No service is started by installing its package.
_POLICY = "#!/bin/sh\nexit 101\n"

# Documents but licenses, and languages.
_EXCLUDED = ("doc", "groff", "info", "linda", "lintian", "locale", "man")
_DPKG = "".join(f"path-exclude=/usr/share/{name}/*\n" for name in _EXCLUDED) + (
    "path-include=/usr/share/doc/*/copyright\n"
)
_EMPTIED = (
    "boot",
    "dev",
    "run",
    "tmp",
    "var/cache/apt",
    "var/cache/ldconfig",
    "var/lib/apt/lists",
    "var/log",
    "var/tmp",
)
_TIDY = (
    "find /usr/share/doc -mindepth 2 ! -name copyright ! -type d -delete; "
    "find /usr/share/doc -mindepth 1 -type d -empty -delete; "
    "rm -f /var/lib/dpkg/*-old /var/cache/debconf/*-old"
)


def make_base(out: Path) -> Image:
    """The base, made if it isn't in `out`."""
    sources = machine_sources()
    archive = out / f"base-{key_of(*_HOW, sources.text)}.tar"
    if archive.exists():
        return Image(NAME, archive)
    with tempfile.TemporaryDirectory(prefix="base-", dir=out) as work:
        root = Path(work) / "root"
        layer = Path(work) / "layer.tar"
        _bootstrap(root, sources)
        _slim(root)
        run(
            [
                "tar",
                "--create",
                "--file",
                layer,
                "--directory",
                root,
                "--sort=name",
                "--numeric-owner",
            ]
            + ["--xattrs", "--mtime=@0", "--format=pax"]
            + ["--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f", "."]
        )
        write_image(archive, NAME, layer, Config(command=("bash",)))
    return Image(NAME, archive)


def _bootstrap(root: Path, sources: Sources) -> None:
    run([*OWN_MOUNTS, "debootstrap", "--variant=minbase", RELEASE, root, sources.mirror])
    (root / "etc/apt/sources.list").write_text(sources.text)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text(_POLICY)
    policy.chmod(0o755)
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(_DPKG)
    upgrade = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get dist-upgrade -y -qq && apt-get clean"
    run([*OWN_MOUNTS, "chroot", root, "sh", "-c", upgrade])


def _slim(root: Path) -> None:
    run(["chroot", root, "sh", "-c", _TIDY])
    for name in _EXCLUDED:
        if name != "doc":
            shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    for name in _EMPTIED:
        for entry in (root / name).iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    # debootstrap put those of this machine there.
    (root / "etc/hostname").write_text("localhost\n")
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/machine-id").write_text("")
