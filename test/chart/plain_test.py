# SPDX-License-Identifier: Apache-2.0
"""The manifests in deploy/kubernetes are those of the chart."""

import subprocess
from pathlib import Path

from chart import REPOSITORY

COMMITTED = REPOSITORY / "deploy/kubernetes"


def test_they_are_in_step(helm: str, tmp_path: Path) -> None:
    subprocess.run([REPOSITORY / "tools/chart", "render", helm, tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in COMMITTED.iterdir()}
    assert made.keys() == kept.keys()
    stale = [name for name in made if made[name] != kept[name]]
    assert stale == [], "run ./dev chart render"


def test_no_key_is_in_them() -> None:
    for path in COMMITTED.iterdir():
        text = path.read_text()
        assert "PRIVATE KEY" not in text and "kind: Secret" not in text
