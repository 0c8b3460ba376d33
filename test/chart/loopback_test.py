# SPDX-License-Identifier: Apache-2.0
"""A pool in a file of the node is made, found again, and mounted again after a reboot."""

import subprocess
from pathlib import Path

import pytest

from chart import DIRECTORY, Chart, Object, Refused

HOST = Path(__file__).with_name("loopback-host.sh")
SCRIPT = DIRECTORY / "files/loopback-pool.sh"


@pytest.mark.parametrize("filesystem", ["xfs", "ext4", "btrfs"])
def test_a_pool_in_a_file(driver: str, tmp_path: Path, filesystem: str) -> None:
    done = subprocess.run(
        ["unshare", "-m", HOST, SCRIPT, driver, filesystem, tmp_path],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    devices = subprocess.run(
        ["losetup", "-n", "-O", "BACK-FILE"], check=True, capture_output=True, text=True
    ).stdout
    assert str(tmp_path) not in devices


def test_another_filesystem_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", SCRIPT, tmp_path / "pool.img", "1G", "zfs", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "zfs" in done.stderr
    assert not (tmp_path / "pool.img").exists()


def pool(size: str, filesystem: str) -> Object:
    """Values with a pool of that size."""
    loopback = {"size": size, "filesystem": filesystem}
    return {"pools": [{"name": "try", "path": "/mnt/try", "loopback": loopback}]}


@pytest.mark.parametrize("filesystem, least", [("xfs", 300), ("btrfs", 109)])
def test_a_size_that_mkfs_refuses_is_refused(
    chart: Chart, tmp_path: Path, filesystem: str, least: int
) -> None:
    chart.text(pool(f"{least}Mi", filesystem))
    chart.text(pool("1Gi", filesystem))
    with pytest.raises(Refused) as refused:
        chart.text(pool(f"{least - 1}Mi", filesystem))
    for word in (f"{least - 1}Mi", "try", filesystem, f"{least}Mi"):
        assert word in str(refused.value)

    def made(mebibytes: int) -> bool:
        file = tmp_path / "image"
        with file.open("wb") as image:
            image.truncate(mebibytes << 20)
        done = subprocess.run([f"mkfs.{filesystem}", "-q", file], capture_output=True, check=False)
        return done.returncode == 0

    assert not made(least - 1)
    assert made(least)
