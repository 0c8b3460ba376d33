# SPDX-License-Identifier: Apache-2.0
"""sbom.py ROOT NAME VERSION PACKAGES: fails unless the SPDX document of an image, unpacked in ROOT, has
what SPDX 2.3 demands, and lists the packages of the file PACKAGES (lines of name, version and
architecture), those of status.d, the program, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

root, name, version, listed = sys.argv[1:]
document = json.loads((Path(root) / "usr/share/nodevol/sbom.spdx.json").read_text())

assert document["spdxVersion"] == "SPDX-2.3"
assert document["dataLicense"] == "CC0-1.0"
assert document["SPDXID"] == "SPDXRef-DOCUMENT"
assert document["name"] == f"{name}-{version}"
assert re.fullmatch(r"urn:[a-z]+:\S+:[0-9a-f]{32}", document["documentNamespace"])
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"])

identifiers = [package["SPDXID"] for package in document["packages"]]
assert len(set(identifiers)) == len(identifiers)
assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", identifier) for identifier in identifiers)
assert all(package["downloadLocation"] == "NOASSERTION" for package in document["packages"])
related = {relation["relatedSpdxElement"] for relation in document["relationships"]}
assert related == set(identifiers)

program, *packages = document["packages"]
assert (program["name"], program["versionInfo"]) == ("nodevol", version)
found = set()
for package in packages:
    (reference,) = package["externalRefs"]
    located = re.fullmatch(
        r"pkg:deb/debian/(\S+)@(\S+)\?arch=(\w+)&distro=debian-12", reference["referenceLocator"]
    )
    assert located, reference
    plain = [part.replace("%2B", "+").replace("%3A", ":") for part in located.groups()]
    assert plain[:2] == [package["name"], package["versionInfo"]]
    found.add(tuple(plain))

expected = {tuple(line.split()) for line in Path(listed).read_text().splitlines()}
for entry in (Path(root) / "var/lib/dpkg/status.d").glob("*"):
    fields = dict(line.split(": ", 1) for line in entry.read_text().splitlines())
    expected.add((fields["Package"], fields["Version"], fields["Architecture"]))
assert len(expected) > 50, "that can't be all"
if found != expected:
    sys.exit(f"only in the document: {found - expected}\nmissing there: {expected - found}")
