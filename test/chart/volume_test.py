# SPDX-License-Identifier: Apache-2.0
"""What `helm test` runs leaves nothing, and tells a volume whose size is enforced from one that is
not limited."""

import subprocess
from pathlib import Path

import pytest

from chart import DIRECTORY, Chart, Object, of_kind, only

SCRIPT = DIRECTORY / "files/test-volume.sh"


def run(directory: Path, size: str) -> subprocess.CompletedProcess[str]:
    """The script on a filesystem of that size."""
    command = 'mount -t tmpfs -o "size=$1" none "$2" && exec sh "$3" "$2"'
    return subprocess.run(
        ["unshare", "-m", "sh", "-euc", command, "_", size, directory, SCRIPT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("size", ["64m", "300m"])
def test_a_limited_volume_is_well(tmp_path: Path, size: str) -> None:
    done = run(tmp_path, size)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_volume_without_a_limit_is_not(tmp_path: Path) -> None:
    done = run(tmp_path, "1g")
    assert done.returncode == 1 and "not enforced" in done.stderr


def classes(*policies: str) -> Object:
    """Values with a class for each policy."""
    return {
        "storageClasses": [
            {"name": f"class-{policy}".lower(), "reclaimPolicy": policy} for policy in policies
        ]
    }


@pytest.mark.parametrize(
    "values, name",
    [
        ({}, "nodevol"),
        (classes("Retain", "Delete"), "class-delete"),
        ({"storageClasses": [{"name": "plain"}]}, "plain"),
    ],
    ids=str,
)
def test_a_run_leaves_no_volume(chart: Chart, values: Object, name: str) -> None:
    volume = only(chart.objects(values), "Pod")["spec"]["volumes"][0]
    assert volume["ephemeral"]["volumeClaimTemplate"]["spec"]["storageClassName"] == name


def test_where_every_class_retains_there_is_no_run(chart: Chart) -> None:
    assert of_kind(chart.objects(classes("Retain")), "Pod") == []
