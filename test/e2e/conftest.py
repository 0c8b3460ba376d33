# SPDX-License-Identifier: Apache-2.0
"""The cluster that `cluster up` has made, a namespace for each test, and what must be left: nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import chart
from installation import Installation, Reinstall
from kube import Kube
from leftovers import Leftovers
from manifests import DRIVER, EXAMPLES, Object, dump
from testbed import Testbed


@pytest.fixture(scope="session")
def testbed() -> Testbed:
    """The machines of the cluster."""
    return Testbed.of_running_cluster()


@pytest.fixture(scope="session")
def driver(testbed: Testbed) -> Installation:
    """The driver, ready on all nodes."""
    installation = Installation(Kube(testbed.kubectl(), chart.NAMESPACE), testbed)
    installation.await_ready()
    return installation


@pytest.fixture
def reinstall(testbed: Testbed, driver: Installation) -> Iterator[Reinstall]:
    """Takes the chart away and installs it anew, with options of helm; in the end, as it was."""
    values = chart.given_values(testbed.cluster)

    def again(*options: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        if chart.is_installed(testbed.cluster):
            chart.uninstall(testbed.cluster)
        meanwhile()
        # It is kept, and two of its fields can't be changed.
        driver.kube.run("delete", "csidriver", DRIVER, "--ignore-not-found")
        chart.install(testbed.cluster, list(options), values)
        driver.await_ready()

    yield again
    again()


@pytest.fixture
def kube(request: pytest.FixtureRequest, driver: Installation) -> Iterator[Kube]:
    """The test's own namespace. When it is gone, so is all that the test has made."""
    leftovers = Leftovers(driver)
    before = leftovers.look()
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40].strip("-")
    kube = driver.kube.within(name)
    kube.run("create", "namespace", name)
    yield kube
    kube.run("delete", "namespace", name, "--wait")
    kube.eventually_none("nothing is left of the test", lambda: leftovers.since(before))


@pytest.fixture
def cluster_objects(driver: Installation) -> Iterator[Callable[..., None]]:
    """Makes objects that have no namespace, for as long as the test runs."""
    made: list[str] = []

    def make(*objects: Object) -> None:
        made.append(dump(*objects))
        driver.kube.apply(made[-1])

    yield make
    for text in reversed(made):
        driver.kube.delete(text)


@pytest.fixture
def example(kube: Kube) -> Iterator[Callable[[str], Path]]:
    """Applies a file of deploy/examples, as it is; deletes its objects in the end."""
    applied: list[Path] = []

    def apply(name: str) -> Path:
        path = EXAMPLES / f"{name}.yaml"
        applied.append(path)
        kube.apply(path)
        return path

    yield apply
    for path in reversed(applied):
        kube.delete(path)
