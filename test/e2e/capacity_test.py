# SPDX-License-Identifier: Apache-2.0
"""The scheduler knows how much room each node has."""

from __future__ import annotations

import pytest

from installation import Installation
from kube import Kube
from manifests import TOPOLOGY_KEY, claim, dump, pod

TOLERANCE = 8 << 20
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40}


def size_of(quantity: str) -> int:
    """A quantity as bytes."""
    for unit, factor in UNITS.items():
        if quantity.endswith(unit):
            return int(quantity.removesuffix(unit)) * factor
    return int(quantity)


def largest(kube: Kube, storage_class: str) -> dict[str, int]:
    """Node → the largest volume of the class that can be made there, as the scheduler knows it."""
    found = {}
    for capacity in kube.list("csistoragecapacities", "--all-namespaces"):
        if capacity["storageClassName"] == storage_class and "nodeTopology" in capacity:
            node = capacity["nodeTopology"]["matchLabels"][TOPOLOGY_KEY]
            found[node] = size_of(capacity.get("maximumVolumeSize", capacity.get("capacity", "0")))
    return found


def by_room(kube: Kube) -> tuple[tuple[str, int], tuple[str, int]]:
    """The node with less room, and that with more."""
    known = kube.eventually("both nodes' room is known", lambda: (
        found if len(found := largest(kube, "nodevol-image")) == 2 and all(found.values())
        else None))
    (small, less), (large, more) = sorted(known.items(), key=lambda entry: entry[1])
    assert less < more, known
    return (small, less), (large, more)


def room_of_pools(driver: Installation, *names: str) -> dict[str, int]:
    """Node → the largest volume that can be made there in one of the pools, as the driver says."""
    return {node: max(pool["available_bytes"] for pool in driver.pools(node)
                      if pool["name"] in names) for node in driver.nodes()}


@pytest.mark.parametrize("storage_class, pools", [("nodevol-image", ["default"]),
                                                  ("nodevol", ["default", "fast"])])
def test_scheduler_knows_what_the_pools_have(kube: Kube, driver: Installation, storage_class: str,
                                             pools: list[str]) -> None:
    def same() -> bool:
        told, real = largest(kube, storage_class), room_of_pools(driver, *pools)
        # It is told in whole MiB; what a filesystem needs for itself varies by a few.
        return told.keys() == real.keys() and all(
            abs(told[node] - real[node]) < TOLERANCE for node in real)

    kube.eventually("both say the same", same)


@pytest.mark.core
def test_pod_that_fits_on_one_node_only_goes_there(kube: Kube) -> None:
    (_, less), (large, more) = by_room(kube)
    size = (less + more) // 2
    kube.apply(dump(claim("data", str(size), "nodevol-image"), pod("first", ["data"])))
    assert kube.running("first")["spec"]["nodeName"] == large


def test_room_that_a_volume_takes_is_known(kube: Kube) -> None:
    (small, less), _ = by_room(kube)
    kube.apply(dump(claim("data", str(less // 2), "nodevol-image"), pod("first", ["data"], small)))
    kube.running("first")
    kube.eventually("the node's room has shrunk",
                    lambda: largest(kube, "nodevol-image").get(small, less) <= less * 3 // 4)


def test_claim_that_no_node_has_room_for_waits_and_says_why(kube: Kube) -> None:
    _, (_, more) = by_room(kube)
    kube.apply(dump(claim("data", str(more * 2), "nodevol-image"), pod("first", ["data"])))
    kube.eventually(
        "an event says that there is no room",
        lambda: any("did not have enough free storage" in message
                    for message in kube.events_of("first")))
    assert kube.get("pvc", "data")["status"]["phase"] == "Pending"
