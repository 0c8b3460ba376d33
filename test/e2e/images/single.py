# SPDX-License-Identifier: Apache-2.0
"""Images without a base: one static program each."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from images.archive import Config, Entry, write_image, write_layer
from images.image import Image
from images.key import key_of
from images.pins import module_version
from images.run import run

_HERE = Path(__file__).parent
_HOW = (Path(__file__), _HERE / "archive.py")

PAUSE = "registry.k8s.io/pause:3.10.1"
BUSYBOX = "docker.io/library/busybox:1.35"  # the version is Debian's

_SNAPSHOTTER = "github.com/kubernetes-csi/external-snapshotter/v8"
# The image, the pins and the module that say its version. The program is named as the image.
_GO_PROGRAMS = (
    (
        "registry.k8s.io/sig-storage/csi-provisioner",
        "sidecars",
        "github.com/kubernetes-csi/external-provisioner/v6",
    ),
    (
        "registry.k8s.io/sig-storage/csi-attacher",
        "sidecars",
        "github.com/kubernetes-csi/external-attacher/v4",
    ),
    (
        "registry.k8s.io/sig-storage/csi-resizer",
        "sidecars",
        "github.com/kubernetes-csi/external-resizer/v2",
    ),
    ("registry.k8s.io/sig-storage/csi-snapshotter", "sidecars", _SNAPSHOTTER),
    ("registry.k8s.io/sig-storage/snapshot-controller", "sidecars", _SNAPSHOTTER),
    ("registry.k8s.io/coredns/coredns", "coredns", "github.com/coredns/coredns"),
)

_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
_GROUP = b"root:x:0:\nnogroup:x:65534:\n"


class MissingError(Exception):
    """A program that an image is made of isn't there."""


def make_go_programs(out: Path, binaries: Path) -> list[Image]:
    """The sidecars, the snapshot controller and CoreDNS, of static programs in `binaries`."""
    made = []
    for repository, pins, module in _GO_PROGRAMS:
        program = repository.rpartition("/")[2]
        binary = binaries / program
        if not os.access(binary, os.X_OK):
            raise MissingError(f"{binary} is missing: tools/e2e-binaries builds it")
        name = f"{repository}:{module_version(pins, module)}"
        config = Config(entrypoint=(f"/{program}",))
        made.append(make_image(out, name, [Entry(program, source=binary)], config))
    return made


def make_pause(out: Path) -> Image:
    """The image of a pod's own container."""
    with tempfile.TemporaryDirectory(prefix="pause-", dir=out) as work:
        program = Path(work) / "pause"
        run(
            ["gcc", "-Os", "-static", "-s", "-Wl,--build-id=none", "-o", program, _HERE / "pause.c"]
        )
        # It needs no right, and has none.
        config = Config(entrypoint=("/pause",), user="65535:65535")
        return make_image(out, PAUSE, [Entry("pause", source=program)], config)


def make_busybox(out: Path) -> Image:
    """busybox with a link for each of its applets."""
    return make_image(out, BUSYBOX, busybox_entries(), Config(command=("sh",)))


def busybox_entries() -> list[Entry]:
    """What is in an image of busybox."""
    busybox = Path("/bin/busybox")
    if not busybox.exists():
        raise MissingError(f"{busybox} is missing: install the package busybox-static")
    applets = run([busybox, "--list-full"]).split()
    directories = {"bin", "dev", "etc", "home", "proc", "sys", "usr", "var"}
    directories |= {str(Path(applet).parent) for applet in applets}
    entries = [Entry(name) for name in sorted(directories)]
    entries += [
        Entry("root", 0o700),
        Entry("tmp", 0o777 | stat.S_ISVTX),
        Entry("var/tmp", 0o777 | stat.S_ISVTX),
    ]
    entries += [
        Entry("etc/passwd", 0o644, content=_PASSWD),
        Entry("etc/group", 0o644, content=_GROUP),
    ]
    entries += [Entry("bin/busybox", source=busybox)]
    entries += [Entry(applet, link="/bin/busybox") for applet in applets if applet != "bin/busybox"]
    return entries


def make_image(out: Path, name: str, entries: Iterable[Entry], config: Config) -> Image:
    """An image of these entries, if it isn't there yet."""
    entries = list(entries)
    key = key_of(name, *_HOW, *(entry.source for entry in entries if entry.source is not None))
    short = name.rpartition("/")[2].partition(":")[0]
    archive = out / f"{short}-{key}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(prefix="layer-", dir=out) as work:
            layer = Path(work) / "layer.tar"
            write_layer(layer, entries)
            write_image(archive, name, layer, config)
    return Image(name, archive)
