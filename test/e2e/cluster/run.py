# SPDX-License-Identifier: Apache-2.0
"""Running programs and waiting for conditions, with errors that say what to look at."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

# What the cluster's processes see of the environment: nothing of ours gets into a kubelet.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


class ClusterError(Exception):
    """Something about the cluster that its user has to know; the text is for them."""


def run(
    argv: list[str],
    *,
    text: str | None = None,
    source: IO[bytes] | None = None,
    environment: dict[str, str] | None = None,
    seconds: float = 300,
) -> str:
    """Runs a program to its end and returns what it wrote. `text` or `source` is its input."""
    try:
        done = subprocess.run(
            argv,
            input=None if text is None else text.encode(),
            stdin=source or (subprocess.DEVNULL if text is None else None),
            capture_output=True,
            env=ENVIRONMENT | (environment or {}),
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError(
            f"{argv[0]} is missing; `./dev cluster up` installs what is needed"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"`{' '.join(argv)}` did not end within {seconds:.0f} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise ClusterError(f"`{' '.join(argv)}` failed ({done.returncode}): {said[-2000:]}")
    return done.stdout.decode(errors="replace")


def wait(
    what: str,
    condition: Callable[[], T],
    *,
    seconds: float = 60,
    pause: float = 0.1,
    log: Path | None = None,
) -> T:
    """Returns what `condition` answers as soon as it is true. A ClusterError means: not yet."""
    deadline = time.monotonic() + seconds
    while True:
        last = ""
        try:
            answer = condition()
            if answer:
                return answer
        except ClusterError as error:
            last = f": {error}"
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {seconds:.0f} s{last}{tail(log)}")
        time.sleep(pause)


def tail(log: Path | None, lines: int = 15) -> str:
    """The end of a log, to be put behind an error; empty when there is none."""
    try:
        text = log.read_text(errors="replace") if log else ""
    except OSError:
        return ""
    if not text:
        return ""
    return f"\n  the end of {log}:\n" + "\n".join(
        "    " + line[:300] for line in text.splitlines()[-lines:]
    )


def at_once(tasks: Iterable[Callable[[], None]]) -> None:
    """Runs tasks beside each other, waits for all of them, and raises the first one's error."""
    waiting = list(tasks)
    if not waiting:
        return
    with ThreadPoolExecutor(max_workers=len(waiting)) as executor:
        futures = [executor.submit(task) for task in waiting]
    for future in futures:
        future.result()


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Writes a file in one piece: whoever reads it sees all of it, or what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    partial.rename(path)
