# SPDX-License-Identifier: Apache-2.0
"""What the tests of the chart are told, and have in common."""

from pathlib import Path

import pytest

from chart import Chart
from kubeconform import Kubeconform


def pytest_addoption(parser: pytest.Parser) -> None:
    """The programs and schemas that run.sh names."""
    parser.addoption("--tools", required=True, help="directory with helm and kubeconform")
    parser.addoption("--schemas", required=True, help="directory that tools/chart-schemas has made")
    parser.addoption("--driver", required=True, help="the driver's program")


@pytest.fixture(scope="session")
def helm(request: pytest.FixtureRequest) -> str:
    """Path of helm."""
    return str(Path(request.config.getoption("--tools")) / "helm")


@pytest.fixture(scope="session")
def chart(helm: str) -> Chart:
    """The chart."""
    return Chart(helm)


@pytest.fixture(scope="session")
def kubeconform(request: pytest.FixtureRequest) -> Kubeconform:
    """The examiner of manifests."""
    return Kubeconform(
        str(Path(request.config.getoption("--tools")) / "kubeconform"),
        Path(request.config.getoption("--schemas")),
    )


@pytest.fixture(scope="session")
def driver(request: pytest.FixtureRequest) -> str:
    """Path of the driver."""
    return str(Path(request.config.getoption("--driver")).resolve())
