# SPDX-License-Identifier: Apache-2.0
"""A pool in a file of the node is made, found again, and mounted again after a reboot."""

import subprocess
from pathlib import Path

import pytest

from chart import DIRECTORY

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
