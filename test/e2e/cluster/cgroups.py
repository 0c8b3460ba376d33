# SPDX-License-Identifier: Apache-2.0
"""Control groups: one for each machine, in every hierarchy, with all of its processes in it.

They are how kubelet counts and limits what pods use, and how we find every process that is ours,
also one that `up` had begun and never got to know.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from .run import ClusterError, wait

ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Where the hierarchies are mounted. There must be v1 ones: the kubelets are set to that."""
    found: list[Path] = []
    legacy = False
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        place, kind = Path(before.split()[4]), after.split()[0]
        if kind in ("cgroup", "cgroup2") and place.parent == ROOT and place not in found:
            found.append(place)
            legacy = legacy or kind == "cgroup"
    if not legacy:
        raise ClusterError(
            f"there are no cgroup v1 hierarchies below {ROOT}, and the cluster is made for them: "
            "boot with systemd.unified_cgroup_hierarchy=0, or use another machine"
        )
    return found


def make(name: str) -> list[Path]:
    """Makes the group in each hierarchy, and returns where."""
    groups = []
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            # A new cpuset has no processor and no memory, and nothing can join it.
            if (group / file).exists() and not (group / file).read_text().strip():
                (group / file).write_text((hierarchy / file).read_text())
        groups.append(group)
    return groups


def processes(name: str) -> set[int]:
    """The processes in the group and in groups below it, in any hierarchy."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for directory, _, _ in os.walk(hierarchy / name):
            try:
                listed = (Path(directory) / "cgroup.procs").read_text()
            except OSError:
                continue  # the group went away
            found.update(int(pid) for pid in listed.split())
    return found


def kill(name: str) -> None:
    """Kills all processes of the group, and returns when there are none."""

    def nobody_left() -> bool:
        left = processes(name)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not left

    wait(f"the processes of {name} end", nobody_left, seconds=60, pause=0.02)


def remove(name: str) -> None:
    """Removes the group and all below it. Its processes were killed; they may still be dying."""

    def removed() -> bool:
        gone = True
        for hierarchy in hierarchies():
            for directory, _, _ in os.walk(hierarchy / name, topdown=False):
                try:
                    os.rmdir(directory)
                except FileNotFoundError:
                    pass
                except OSError:
                    gone = False
        return gone

    wait(f"the control groups {name} can be removed", removed, seconds=60, pause=0.02)
