# SPDX-License-Identifier: Apache-2.0
"""Versions that are written down elsewhere: of Go modules, and of the driver."""

from __future__ import annotations

import re
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent
CHECKOUT = E2E.parent.parent


class PinError(Exception):
    """A file doesn't say the version that it should."""


def module_version(pins: str, module: str) -> str:
    """Of a Go module, by the go.mod in test/e2e/`pins`."""
    return _find(E2E / pins / "go.mod", rf"^(?:require)?\s*{re.escape(module)} (v\S+)")


def driver_version() -> str:
    """Of nodevol, as this checkout builds it."""
    return _find(CHECKOUT / "CMakeLists.txt", r"^project\(nodevol VERSION (\S+)")


def _find(file: Path, pattern: str) -> str:
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    if found is None:
        raise PinError(f"{file} has no line that matches {pattern}")
    return found[1]
