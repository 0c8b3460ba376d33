# SPDX-License-Identifier: Apache-2.0
"""Where the suite's programs are; built when they are not there yet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_TOOL = Path(__file__).resolve().parents[3] / "tools" / "e2e-binaries"


def programs(*names: str) -> Path:
    """The directory with these programs. CalledProcessError when they can't be built."""
    cache = os.environ.get("NODEVOL_CACHE") or str(_user_cache() / "nodevol")
    subprocess.run(
        [str(_TOOL), cache, *names], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return Path(subprocess.check_output([str(_TOOL), cache, "path"], text=True).strip())


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
