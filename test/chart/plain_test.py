# SPDX-License-Identifier: Apache-2.0
"""The manifests in deploy/kubernetes are those of the chart."""

import re
import subprocess
from pathlib import Path

import pytest

from chart import REPOSITORY

COMMITTED = REPOSITORY / "deploy/kubernetes"


def test_they_are_in_step(helm: str, tmp_path: Path) -> None:
    subprocess.run([REPOSITORY / "tools/chart", "render", helm, tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in COMMITTED.iterdir()}
    assert made.keys() == kept.keys()
    stale = [name for name in made if made[name] != kept[name]]
    assert stale == [], "run ./dev chart render"


@pytest.mark.parametrize("name", ["deploy/kubernetes/nodevol.yaml", "docs/cluster.md"])
def test_certificates_can_be_made_as_they_say(driver: str, name: str, tmp_path: Path) -> None:
    text = (REPOSITORY / name).read_text()
    commands = re.search(r"^(?:# +)?mkdir pki(?:\n| &&)(?:.*nodevol pki .*\n)+", text, re.MULTILINE)
    assert commands is not None
    subprocess.run(
        ["sh", "-ec", re.sub(r"^# ", "", commands[0], flags=re.MULTILINE)],
        check=True,
        cwd=tmp_path,
        env={"PATH": f"{Path(driver).parent}:/usr/bin:/bin"},
    )
    wanted = re.findall(r"--from-file=\S+=(\S+)", text)
    wanted += ["pki/ca.pem", "pki/controller.key"]
    assert [file for file in wanted if not (tmp_path / file).is_file()] == []


def test_no_key_is_in_them() -> None:
    for path in COMMITTED.iterdir():
        text = path.read_text()
        assert "PRIVATE KEY" not in text and "kind: Secret" not in text
