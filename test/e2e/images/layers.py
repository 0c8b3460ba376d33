# SPDX-License-Identifier: Apache-2.0
"""python3 -m images.layers ARCHIVE BASE_ARCHIVE DIRECTORY: takes an image apart.

DIRECTORY gets `root`, the image unpacked; `config.json`; `beyond`, the bytes on a disk of what the
layers after the base's hold; `sizes`, the same by package, the largest first; and `programs`, the
files in those layers that are where programs are."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

BLOCK = 4096
_PROGRAM = re.compile(r"(usr/)?(local/)?(s?bin|libexec|games)/")
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def main() -> int:
    """The command line."""
    archive, base, out = (Path(argument) for argument in sys.argv[1:])
    root = out / "root"
    root.mkdir(parents=True)
    with tarfile.open(base) as packed:
        below = _json(packed, _json(packed, "manifest.json")[0]["Config"])["rootfs"]["diff_ids"]
    with tarfile.open(archive) as packed:
        manifest = _json(packed, "manifest.json")[0]
        config = _json(packed, manifest["Config"])
        if config["rootfs"]["diff_ids"][: len(below)] != below:
            raise SystemExit(f"{archive} is not built on {base}")
        (out / "config.json").write_text(json.dumps(config["config"], indent=1))
        sizes: Counter[str] = Counter()
        for index, name in enumerate(manifest["Layers"]):
            layer = packed.extractfile(name)
            with tarfile.open(fileobj=layer) as content:
                grown = _unpack(content, root)
            if index >= len(below):
                sizes.update(grown)
    (out / "beyond").write_text(f"{sum(sizes.values())}\n")
    programs = [path for path in sorted(sizes) if _PROGRAM.match(path) and (root / path).is_file()]
    (out / "programs").write_text("".join(f"{path}\n" for path in programs))
    owners = _owners(root)
    packages: Counter[str] = Counter()
    for path, size in sizes.items():
        packages[owners.get(path, f"/{path}")] += size
    (out / "sizes").write_text(
        "".join(f"{size:10} {name}\n" for name, size in packages.most_common())
    )
    return 0


def _unpack(layer: tarfile.TarFile, root: Path) -> Counter[str]:
    """Puts a layer over what is there; what each of its files takes on a disk."""
    sizes: Counter[str] = Counter()
    for member in layer:
        path = root / member.name
        if path.name == _OPAQUE:
            for entry in path.parent.iterdir():
                _remove(entry)
        elif path.name.startswith(_WHITEOUT):
            _remove(path.with_name(path.name.removeprefix(_WHITEOUT)))
        else:
            if not (member.isdir() and path.is_dir()):
                _remove(path)
            layer.extract(member, root, numeric_owner=True)
            if member.isfile():
                sizes[str(Path(member.name))] += -(-member.size // BLOCK) * BLOCK
    return sizes


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _owners(root: Path) -> dict[str, str]:
    """By the path of a file, the package that it came with."""
    owners = {}
    root = root.resolve()
    for listing in (root / "var/lib/dpkg/info").glob("*.list"):
        for line in listing.read_text().splitlines():
            if line != "/.":
                # /lib is a link to /usr/lib: layers have the latter.
                path = (root / line.lstrip("/")).parent.resolve() / Path(line).name
                owners[str(path.relative_to(root))] = listing.stem.partition(":")[0]
    return owners


def _json(packed: tarfile.TarFile, name: str) -> Any:
    file = packed.extractfile(name)
    assert file is not None
    return json.load(file)


if __name__ == "__main__":
    sys.exit(main())
