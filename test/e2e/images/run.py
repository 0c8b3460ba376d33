# SPDX-License-Identifier: Apache-2.0
"""Programs that are run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# What is mounted by the program is gone when it ends, however it ends.
OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private", "--")


class RunError(Exception):
    """A program ended with an error; the text is the end of what it said."""


def run(
    command: Sequence[str | Path],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The output of a program. RunError when it ends with an error."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        words = " ".join(str(word) for word in command)
        raise RunError(f"{words}: ended with {done.returncode}:\n{said}")
    return done.stdout
