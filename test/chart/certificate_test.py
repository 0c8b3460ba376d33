# SPDX-License-Identifier: Apache-2.0
"""The certificate that the chart makes is the one that nodes believe."""

import base64
import subprocess
from pathlib import Path

import pytest

from chart import NAMESPACE, RELEASE, Chart, Object, Refused, of_kind, only
from fake_api import serving


@pytest.fixture(name="files", scope="module")
def written(chart: Chart, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the controllers' pod mounts."""
    directory = tmp_path_factory.mktemp("link")
    for name, text in only(chart.objects({}), "Secret")["data"].items():
        (directory / name).write_bytes(base64.b64decode(text))
    return directory


def openssl(*arguments: str, directory: Path) -> str:
    """What openssl says."""
    return subprocess.run(
        ["openssl", *arguments], cwd=directory, check=True, capture_output=True, text=True
    ).stdout


def test_it_is_signed_by_the_ca_for_a_server(files: Path) -> None:
    said = openssl(
        "verify",
        "-CAfile",
        "ca.crt",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "controller.csi.nodevol.io",
        "tls.crt",
        directory=files,
    )
    assert said.strip() == "tls.crt: OK"


def test_it_is_good_for_years(files: Path) -> None:
    openssl(
        "x509", "-in", "tls.crt", "-noout", "-checkend", str(9 * 365 * 24 * 3600), directory=files
    )


def test_the_key_is_its_own(files: Path) -> None:
    of_certificate = openssl("x509", "-in", "tls.crt", "-noout", "-pubkey", directory=files)
    assert openssl("pkey", "-in", "tls.key", "-pubout", directory=files) == of_certificate


def test_it_names_the_controllers_of_this_driver_alone(files: Path) -> None:
    said = openssl("x509", "-in", "tls.crt", "-noout", "-ext", "subjectAltName", directory=files)
    assert said.splitlines()[1].strip() == "DNS:controller.csi.nodevol.io"


def test_nodes_have_the_ca_and_nothing_else(chart: Chart) -> None:
    objects = chart.objects({})
    found = [
        each
        for each in of_kind(objects, "ConfigMap")
        if each["metadata"]["name"] == "nodevol-link-ca"
    ]
    assert len(found) == 1
    assert set(found[0]["data"]) == {"ca.crt"}
    assert (
        found[0]["data"]["ca.crt"]
        == base64.b64decode(only(objects, "Secret")["data"]["ca.crt"]).decode()
    )
    assert "PRIVATE" not in found[0]["data"]["ca.crt"]


@pytest.mark.parametrize(
    "link",
    [{"certManager": {"enabled": True}}, {"existingSecret": "mine", "existingCAConfigMap": "ca"}],
    ids=str,
)
def test_where_others_make_it_the_chart_makes_none(chart: Chart, link: Object) -> None:
    assert of_kind(chart.objects({"link": link}), "Secret") == []
    assert "PRIVATE KEY" not in chart.text({"link": link})


def test_an_upgrade_keeps_it(chart: Chart) -> None:
    installed = chart.objects({})
    before = only(installed, "Secret")
    before["metadata"]["annotations"] = {
        "meta.helm.sh/release-name": RELEASE,
        "meta.helm.sh/release-namespace": NAMESPACE,
    }
    with serving(installed, before) as server:
        objects = chart.objects({}, server=server)
    assert only(objects, "Secret")["data"] == before["data"]
    ca = next(
        each
        for each in of_kind(objects, "ConfigMap")
        if each["metadata"]["name"] == "nodevol-link-ca"
    )
    assert ca["data"]["ca.crt"] == base64.b64decode(before["data"]["ca.crt"]).decode()


def test_the_first_installation_makes_one(chart: Chart) -> None:
    with serving(chart.objects({}), None) as server:
        made = only(chart.objects({}, server=server), "Secret")
    assert set(made["data"]) == {"ca.crt", "tls.crt", "tls.key"}


def test_half_a_certificate_is_not_kept(chart: Chart) -> None:
    installed = chart.objects({})
    half = only(installed, "Secret")
    del half["data"]["ca.crt"]
    with serving(installed, half) as server, pytest.raises(Refused, match="no ca.crt"):
        chart.text({}, server=server)
