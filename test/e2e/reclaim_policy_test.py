# SPDX-License-Identifier: Apache-2.0
"""A volume of reclaim policy Retain outlives its claim; who wants it to go has to say so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from installation import Installation
from kube import Kube, Object
from manifests import claim, dump, pod, storage_class


@pytest.fixture
def retain(kube: Kube, cluster_objects) -> Iterator[str]:
    """A class that keeps volumes; what a test that fails leaves of it goes."""
    name = f"{kube.namespace}-retain"
    cluster_objects(storage_class(name, reclaimPolicy="Retain"))
    yield name
    for volume in kube.list("pv"):
        if volume["spec"].get("storageClassName") == name:
            delete_with_claim(kube, volume["metadata"]["name"])


def delete_with_claim(kube: Kube, volume: str) -> None:
    """Sets a volume's policy to Delete."""
    kube.run("patch", "pv", volume, "-p", '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}')


def released(kube: Kube, driver: Installation, class_name: str) -> Object:
    """A volume that a pod has written, and whose claim is deleted."""
    kube.apply(dump(claim("first", "64Mi", class_name), pod("writer", ["first"])))
    kube.running("writer")
    kube.shell("writer", "echo hello > /first/file")
    volume = kube.bound("first")
    kube.run("delete", "pod", "writer", "--wait")
    kube.run("delete", "pvc", "first", "--wait")
    kube.eventually("it is Released", lambda: phase(kube, volume) == "Released")
    kube.never("it is deleted", lambda: handle(volume) not in driver.volume_ids(), seconds=5)
    return volume


def phase(kube: Kube, volume: Object) -> str:
    """Of a PersistentVolume."""
    return kube.get("pv", volume["metadata"]["name"])["status"]["phase"]


def handle(volume: Object) -> str:
    """What the driver calls it."""
    return volume["spec"]["csi"]["volumeHandle"]


@pytest.mark.core
def test_retained_volume_has_its_data_for_the_next_claim(kube: Kube, driver: Installation,
                                                         retain: str) -> None:
    volume = released(kube, driver, retain)
    name = volume["metadata"]["name"]
    kube.run("patch", "pv", name, "-p", '{"spec":{"claimRef":null}}')
    kube.apply(dump(claim("second", "64Mi", retain, volumeName=name), pod("reader", ["second"])))
    kube.running("reader")
    assert kube.shell("reader", "cat /second/file") == "hello"
    # Changed meanwhile, the policy holds for the claim that has it now.
    delete_with_claim(kube, name)
    kube.run("delete", "pod", "reader", "--wait")
    kube.run("delete", "pvc", "second", "--wait")
    kube.eventually("its data is gone", lambda: handle(volume) not in driver.volume_ids())


def test_retained_volume_without_its_object_is_an_orphan(kube: Kube, driver: Installation,
                                                         retain: str) -> None:
    volume = released(kube, driver, retain)
    kube.run("delete", "pv", volume["metadata"]["name"], "--wait")
    assert driver.orphans() == [handle(volume)]

    def deleted() -> bool:
        driver.delete_orphans()
        return not driver.orphans()

    # It is refused until kubelet has unmounted it.
    kube.eventually("it is deleted on its node", deleted)
