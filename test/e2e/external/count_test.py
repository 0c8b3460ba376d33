# SPDX-License-Identifier: Apache-2.0
"""The definition for Kubernetes' suite selects the specs that it is meant to: the suite ignores
keys that it doesn't know."""

from __future__ import annotations

from pathlib import Path

import pytest

from external.programs import programs
from external.selection import DEFINITION, EXPECTED, differences, expected_lines, find_selection


@pytest.fixture(scope="module")
def suite() -> Path:
    """The program of the suite."""
    return programs("e2e.test") / "e2e.test"


@pytest.mark.core
def test_definition_selects_what_is_expected(suite: Path) -> None:
    changes = differences(find_selection(suite).lines, expected_lines())
    assert not changes, f"{EXPECTED.name} is not what driver.yaml selects:\n" + "\n".join(changes)


def test_misspelt_capability_is_found(suite: Path, tmp_path: Path) -> None:
    for file in DEFINITION.parent.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    definition = tmp_path / DEFINITION.name
    definition.write_text(
        DEFINITION.read_text().replace("controllerExpansion:", "controllerExpanding:")
    )
    changes = differences(find_selection(suite, definition).lines, expected_lines())
    assert any(change.startswith("went: + volume-expand: ") for change in changes)
    assert not any(change.startswith("came: ") for change in changes)
