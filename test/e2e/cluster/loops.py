# SPDX-License-Identifier: Apache-2.0
"""Loop devices. The whole host shares them: those of one node are told by what is behind them.

A device that still has a file of a dead node's filesystem keeps that filesystem alive without any
mount, and with it the device below.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from .run import ClusterError, run, wait

_GET_STATUS64 = 0x4C05
_STATUS64_BYTES = 232

# A device's number, as (major, minor).
Number = tuple[int, int]


@dataclass(frozen=True)
class Loop:
    """A loop device that is in use."""

    path: Path
    number: Number
    filesystem: Number  # where the file behind it is
    inode: int
    special: Number  # the device that the file behind it is; (0, 0) for an ordinary file


def number(device: int) -> Number:
    """A device's number of what stat(2) says."""
    return os.major(device), os.minor(device)


def _kernel_number(value: int) -> Number:
    """A device's number of what the loop driver says, which encodes it in its own way."""
    return (value & 0xFFF00) >> 8, (value & 0xFF) | ((value >> 12) & 0xFFF00)


def attached() -> list[Loop]:
    """All loop devices of the machine that are in use."""
    found = []
    for entry in sorted(Path("/sys/block").glob("loop*/loop")):
        path = Path("/dev") / entry.parent.name
        status = bytearray(_STATUS64_BYTES)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, _GET_STATUS64, status)
                own = number(os.fstat(descriptor).st_rdev)
            finally:
                os.close(descriptor)
        except OSError:
            continue  # detached in the meantime
        device, inode, special = struct.unpack_from("=QQQ", status)
        found.append(Loop(path, own, _kernel_number(device), inode, _kernel_number(special)))
    return found


def attach(file: Path) -> Path:
    """Puts a loop device, with direct I/O where the disk can do it, on the file."""
    try:
        return Path(run(["losetup", "--find", "--show", "--direct-io=on", str(file)]).strip())
    except ClusterError:
        return Path(run(["losetup", "--find", "--show", str(file)]).strip())


def beneath(directory: Path, leave_out: tuple[Path, ...] = ()) -> list[Loop]:
    """Loop devices on files beneath the directory, on files of the filesystems on these, and so on.

    They come in the order in which they lie on each other, the lowest first. Their filesystems need
    not be mounted anywhere.
    """
    loops = attached()
    home = number(directory.stat().st_dev)
    wanted = {loop.inode for loop in loops if loop.filesystem == home}
    files = _inodes(directory, leave_out, wanted) if wanted else set()
    found: list[Loop] = []
    filesystems: set[Number] = set()
    while True:
        new = [
            loop
            for loop in loops
            if loop not in found
            and (
                (loop.filesystem == home and loop.inode in files)
                or loop.filesystem in filesystems
                or loop.special in filesystems
            )
        ]
        if not new:
            return found
        found += new
        filesystems.update(loop.number for loop in new)
        # A subvolume of btrfs has a device number of its own, which only a look at it tells.
        if any(loop.filesystem[0] == 0 for loop in loops if loop not in found):
            for loop in new:
                filesystems |= _btrfs_subvolumes(loop, directory)


def detach(loops: list[Loop]) -> None:
    """Detaches devices that lie on each other as `beneath` says, and waits until they are free."""
    for loop in reversed(loops):
        try:
            run(["losetup", "--detach", str(loop.path)])
        except ClusterError:
            pass  # it may have gone with its last mount; what counts is seen below
    names = {loop.path for loop in loops}

    def free() -> bool:
        return not any(other.path in names and other in loops for other in attached())

    wait(f"loop devices {', '.join(sorted(map(str, names)))} are free", free, seconds=60)


def _inodes(directory: Path, leave_out: tuple[Path, ...], wanted: set[int]) -> set[int]:
    """Those of the wanted inodes that are beneath the directory, on its filesystem."""
    found = set()
    home = directory.stat().st_dev
    pending = [directory]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    inside = Path(entry.path)
                    if inside not in leave_out and entry.stat(follow_symlinks=False).st_dev == home:
                        pending.append(inside)
                elif entry.inode() in wanted:
                    found.add(entry.inode())
    return found


def _btrfs_subvolumes(loop: Loop, place: Path) -> set[Number]:
    """The device numbers of the subvolumes on a loop device; none when it has no btrfs.

    The filesystem is mounted in a mount namespace that ends with the process that looks.
    """
    probe = ["blkid", "--probe", "--match-tag", "TYPE", "--output", "value", str(loop.path)]
    script = 'mount -t btrfs -o subvolid=5 "$1" "$2" && find "$2" -type d -printf "%D\\n" | sort -u'
    try:
        if run(probe).strip() != "btrfs":
            return set()
        said = run(
            ["unshare", "--mount", "--propagation", "private", "--"]
            + ["bash", "-c", f"set -o pipefail; {script}", "look", str(loop.path), str(place)]
        )
    except ClusterError:
        return set()  # nothing that can be read; `detach` says so if something holds the device
    return {number(int(line)) for line in said.split()}
