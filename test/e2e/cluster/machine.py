# SPDX-License-Identifier: Apache-2.0
"""A machine of the cluster: processes in mount, network, UTS and PID namespaces of their own.

Its first process holds the namespaces. When that one is killed the kernel ends all others, and
takes mounts, network devices and packet filters away, as when a machine is switched off.

What it sees as /var/lib and so on are directories of its own, which outlive it: kubelet,
containerd, an unmodified DaemonSet and a hostPath volume find the usual paths, no two machines
share them, and nothing is left on the host.
"""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import cgroups
from .config import BIN, CONFIG, GIVEN, Places
from .run import ENVIRONMENT, ClusterError, run, tail, wait

# Directories of the host that a machine has its own of.
_OWN = ("/mnt", "/opt", "/srv", "/var/lib", "/var/log")

# kubelet would set these for the whole host (with the last two, an oops reboots it). In files that
# lie over them it finds what it wants.
_SYSCTLS = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}

# bash, since the first process of a namespace has to reap orphans.
_FIRST_PROCESS = "while :; do sleep 3600 & wait $!; done"

# Joins control groups, then becomes the command, which so has never been outside of them.
_JOIN = 'until [ "$1" = -- ]; do echo 0 >"$1/cgroup.procs"; shift; done; shift; exec "$@"'


@dataclass(frozen=True)
class Daemon:
    """A program that runs on a machine until it is killed."""

    name: str
    argv: tuple[str, ...]

    @property
    def program(self) -> str:
        """By which its process is found: no other process of the machine is started as that."""
        return self.argv[0]


class Machine:
    """The control plane's machine, or a node's. All that is known of it is asked of the kernel."""

    def __init__(self, places: Places, name: str, binaries: Path) -> None:
        self.name = name
        self.directory = places.machine(name)
        self.group = f"{places.identity}-{name}"
        self._binaries = binaries
        self._places = places
        self._first = ["bash", "-c", _FIRST_PROCESS, f"{places.directory}:{name}"]

    # ---- what it is ----

    @property
    def config(self) -> Path:
        """The directory on the host that the machine sees as CONFIG."""
        return self.directory / "config"

    def log(self, name: str) -> Path:
        """Where a daemon's output goes, on the host."""
        return self.directory / "logs" / f"{name}.log"

    def find_pid(self) -> int | None:
        """The first process's id, as the host sees it; None when the machine is not running."""
        wanted = b"\0".join(argument.encode() for argument in self._first) + b"\0"
        for pid in _pids():
            if _read(pid, "cmdline") == wanted and _is_first(pid):
                return pid
        return None

    def pid(self) -> int:
        """The first process's id; an error when the machine is not running."""
        pid = self.find_pid()
        if pid is None:
            raise ClusterError(
                f"{self.name} is not running; `./dev cluster status` says what is, and "
                "`./dev cluster down`, then `up`, begins anew"
            )
        return pid

    def root(self) -> Path:
        """The machine's root directory, with its mounts, as a path on the host."""
        return Path(f"/proc/{self.pid()}/root")

    def command(self, *argv: str) -> list[str]:
        """The command line that runs a command on the machine."""
        return ["nsenter", f"--target={self.pid()}", "-m", "-n", "-u", "-p", "--", *argv]

    def network_command(self, *argv: str) -> list[str]:
        """The same, with the machine's network only: files and processes are the host's."""
        return ["nsenter", f"--target={self.pid()}", "-n", "--", *argv]

    # ---- its life ----

    def start(self) -> None:
        """Switches it on: namespaces, control groups and mounts; no daemon yet."""
        if self.find_pid() is not None:
            raise ClusterError(f"{self.name} is running already")
        for path in (self.config, self.log("x").parent):
            path.mkdir(parents=True, exist_ok=True)
        groups = cgroups.make(self.group)
        with open(self.log("machine"), "ab") as log:
            _in_background(
                groups,
                ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--mount-proc"]
                + ["--propagation=private", "--", *self._first],
                log.fileno(),
            )
        wait(f"{self.name} starts", self.find_pid, seconds=30, pause=0.01, log=self.log("machine"))
        self._furnish()

    def stop(self) -> None:
        """Switches it off without a warning. What is left is on its disk."""
        pid = self.find_pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        cgroups.kill(self.group)
        # A node that starts again finds no groups of pods from before.
        cgroups.remove(self.group)

    def _furnish(self) -> None:
        """Gives the machine its name and its own directories."""
        script = [f"hostname {self.name}", "ip link set lo up"]
        # What is mounted from a loop device belongs to others, and must not be held here.
        needed = [self._places.directory, self._binaries]
        for place in _loop_mounts(self.pid()):
            if not any(path.is_relative_to(place) for path in needed):
                script.append(f"umount --lazy {shlex.quote(str(place))}")
        script += ["mount -t tmpfs -o mode=755 tmpfs /run", f"mkdir -p {BIN} {CONFIG} {GIVEN}/proc"]
        script.append(f"mount --bind {shlex.quote(str(self._binaries))} {BIN}")
        script.append(f"mount --bind {shlex.quote(str(self.config))} {CONFIG}")
        for name, value in _SYSCTLS.items():
            script += self._shield(f"/proc/sys/{name}", value)
        # A node that was switched off and on has booted; the host has not.
        boot = Path("/proc/sys/kernel/random/uuid").read_text().strip()
        script += self._shield("/proc/sys/kernel/random/boot_id", boot)
        # The one that hides our own directory comes last.
        for own in sorted(_OWN, key=self._places.directory.is_relative_to):
            self.own(own).mkdir(parents=True, exist_ok=True)
            script.append(f"mount --bind {shlex.quote(str(self.own(own)))} {own}")
        script.append("mount -t tmpfs -o mode=1777 tmpfs /tmp")
        # For pods whose mounts have to be seen outside of them. Not before: what is bound from a
        # mount that is shared has its mounts in both places.
        script.append("mount --make-rshared /")
        run(self.command("bash", "-euc", "cd /; " + "; ".join(script)))

    def own(self, path: str) -> Path:
        """The directory on the host that is one of the machine's own, whether it runs or not."""
        if path not in _OWN:
            raise ClusterError(f"{path} is no directory of which {self.name} has its own")
        return self.directory / "own" / path.lstrip("/").replace("/", "-")

    @staticmethod
    def _shield(path: str, value: str) -> list[str]:
        cover = GIVEN / "proc" / Path(path).name
        return [f"echo {value} >{cover}", f"mount --bind {cover} {path}"]

    # ---- its daemons ----

    def find_daemon(self, daemon: Daemon) -> int | None:
        """The daemon's process id, as the host sees it; None when it does not run."""
        first = self.find_pid()
        if first is None:
            return None
        namespace = _namespace(first)
        for pid in _pids():
            if _read(pid, "cmdline").split(b"\0")[0] == daemon.program.encode():
                if _namespace(pid) == namespace and _state(pid) not in ("Z", "X"):
                    return pid
        return None

    def started(self, daemon: Daemon) -> float | None:
        """When the daemon was started, in seconds since 1970; None when it does not run."""
        pid = self.find_daemon(daemon)
        fields = (
            _read(pid, "stat").decode(errors="replace").rpartition(")")[2].split() if pid else []
        )
        if not fields:
            return None
        ago = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.time() - ago

    def start_daemon(self, daemon: Daemon) -> None:
        """Starts the daemon; whether it serves yet is for the caller to wait for."""
        if self.find_daemon(daemon) is not None:
            raise ClusterError(f"{daemon.name} is running on {self.name} already")
        groups = cgroups.make(self.group)
        log = self.log(daemon.name)
        with open(log, "ab") as file:
            _in_background(groups, self.command(*daemon.argv), file.fileno())
        wait(
            f"{daemon.name} starts on {self.name}",
            lambda: self.find_daemon(daemon),
            seconds=30,
            pause=0.02,
            log=log,
        )

    def kill_daemon(self, daemon: Daemon, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends the daemon and waits until it is gone. Others, and what it has started, go on."""
        pid = self.find_daemon(daemon)
        if pid is None:
            raise ClusterError(f"{daemon.name} is not running on {self.name}")
        os.kill(pid, how)
        wait(f"{daemon.name} on {self.name} ends", lambda: self.find_daemon(daemon) is None)

    def wait_for(self, daemon: Daemon, what: str, argv: list[str], seconds: float = 120) -> None:
        """Waits until the command succeeds; an error at once when the daemon has ended."""

        def serves() -> bool:
            try:
                run(argv)
                return True
            except ClusterError:
                if self.find_daemon(daemon) is None:
                    raise _Ended from None
                raise

        log = self.log(daemon.name)
        try:
            wait(what, serves, seconds=seconds, log=log)
        except _Ended:
            raise ClusterError(f"{daemon.name} on {self.name} has ended{tail(log)}") from None


class _Ended(Exception):
    """There is nothing to wait for any more."""


def _in_background(groups: list[Path], argv: list[str], output: int) -> None:
    """Starts a command in control groups and in a session of its own, as nobody's child."""
    joined = [str(group) for group in groups]
    done = subprocess.run(
        ["bash", "-c", _JOIN, "join", *joined, "--", "setsid", "--fork", *argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env=ENVIRONMENT,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(argv)}` could not be started ({done.returncode})")


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""  # it has ended


def _is_first(pid: int) -> bool:
    """Whether the process is the first one of a namespace below ours."""
    for line in _read(pid, "status").decode().splitlines():
        if line.startswith("NSpid:"):
            return len(line.split()) > 2 and line.split()[-1] == "1"
    return False


def _state(pid: int) -> str:
    text = _read(pid, "stat").decode(errors="replace")
    return text.rpartition(")")[2].split()[0] if text else "X"


def _namespace(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0


def _loop_mounts(pid: int) -> list[Path]:
    """Where a process sees filesystems on loop devices mounted, the last one first."""
    found = []
    for line in _read(pid, "mountinfo").decode().splitlines():
        before, _, after = line.partition(" - ")
        source = Path(after.split()[1])
        try:
            major = os.major(source.stat().st_rdev) if stat.S_ISBLK(source.stat().st_mode) else 0
        except OSError:
            continue
        if major == 7:
            found.append(Path(before.split()[4].encode().decode("unicode_escape")))
    return found[::-1]
