# SPDX-License-Identifier: Apache-2.0
"""Keys of what is cached: a hash of all that it is made from."""

from __future__ import annotations

import hashlib
from pathlib import Path

KEY_LENGTH = 16


def key_of(*parts: str | Path) -> str:
    """Of texts and of the contents of files."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()[:KEY_LENGTH]
