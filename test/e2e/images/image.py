# SPDX-License-Identifier: Apache-2.0
"""An image that was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """Its name with the tag, as manifests have it, and its docker archive."""

    name: str
    archive: Path
