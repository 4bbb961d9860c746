"""Licences: what is found in images, and what is said where nothing is found."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from pathlib import Path

import pytest

from fairlead_cli.bundle.document import UNKNOWN, Part
from fairlead_cli.bundle.licences import debian, go_info, go_table, python_dists, spdx
from fairlead_testing import small_bundle

MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files … The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software."""
MODULES = "path\texample.com/tool\nmod\texample.com/own\t(devel)\t\ndep\texample.com/tool\tv1.2.0\th1:=\n"
REPLACED = "dep\texample.com/old\tv0.0.0\n=>\texample.com/new\tv1.0.0\th1:=\ndep\texample.com/last\tv3.0.0\th1:=\n"
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+ or Artistic

Files: debian/*
License: Expat

License: Expat
 Permission is hereby granted…
"""
STATUS = """Package: tool
Status: install ok installed
Version: 1.0-2
Description: what it does
 Package: not this

Package: gone
Status: deinstall ok config-files
Version: 3
"""


def program(text: str, before: int = 64) -> bytes:
    """A program as Go's linker makes one, as far as its modules are concerned."""
    strings = b""
    for one in (b"go1.26.8", b"#" * 16 + text.encode() + b"#" * 16):
        assert len(one) < 1 << 14
        strings += struct.pack("BB", len(one) & 0x7F | 0x80, len(one) >> 7) + one
    lure = go_info.MAGIC + b"not aligned"
    head = b"\x7fELF" + bytes(9) + lure + bytes(before - 13 - len(lure))
    return head + go_info.MAGIC + b"\x08\x02" + bytes(16) + strings


def test_modules_are_read_from_a_go_program() -> None:
    found = go_info.read(io.BytesIO(program(MODULES)))
    assert found == go_info.GoInfo("go1.26.8", (go_info.Module("example.com/tool", "v1.2.0"),))


def test_modules_are_found_across_the_border_of_what_is_read_at_once() -> None:
    for before in range(go_info.CHUNK - 48, go_info.CHUNK + 49, 16):
        assert go_info.read(io.BytesIO(program(MODULES, before))) is not None, before


def test_a_replaced_module_counts_as_what_was_built() -> None:
    assert [module.path for module in go_info.modules(REPLACED)] == ["example.com/new", "example.com/last"]


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh", b"\x7fELF" + bytes(9000), program(MODULES)[:90]])
def test_what_go_did_not_make_has_no_modules(content: bytes) -> None:
    found = go_info.read(io.BytesIO(content))
    assert found is None or found.modules == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Apache License\n  Version 2.0, January 2004", {"Apache-2.0"}),
        (MIT, {"MIT"}),
        (f"{MIT}\n\nApache License, Version 2.0", {"Apache-2.0", "MIT"}),
        ("Mozilla Public License, version 2.0", {"MPL-2.0"}),
        ("All rights reserved.", set()),
    ],
)
def test_licences_are_told_by_their_texts(text: str, found: set[str]) -> None:
    assert spdx.detect(text) == found


def test_an_expression_is_sorted_and_keeps_alternatives_together() -> None:
    assert spdx.together(["MIT", "Apache-2.0 OR MIT", "Apache-2.0"]) == "Apache-2.0 AND (Apache-2.0 OR MIT) AND MIT"
    assert spdx.together([]) == UNKNOWN


def test_debians_copyright_files_are_understood() -> None:
    assert debian.licence(COPYRIGHT) == "(Artistic-1.0-Perl OR GPL-2.0-or-later) AND MIT"
    assert debian.licence("On Debian systems see `/usr/share/common-licenses/LGPL-2.1'.") == "LGPL-2.1-only"
    assert debian.licence("No licence here.") == UNKNOWN


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("GPL-3+", "GPL-3.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("GPL-2+ with OpenSSL exception", "GPL-2.0-or-later"),
        ("Expat", "MIT"),
        ("public-domain", "LicenseRef-public-domain"),
        ("BSD/odd one", "LicenseRef-BSD-odd-one"),
    ],
)
def test_debians_names_become_spdx(name: str, identifier: str) -> None:
    assert debian.identifier(name) == identifier


def test_a_line_of_several_licences_is_taken_apart() -> None:
    assert list(debian.terms("GPL-2+ or Artistic, and Expat and ISC")) == [
        "Artistic-1.0-Perl OR GPL-2.0-or-later",
        "MIT",
        "ISC",
    ]


def test_only_installed_packages_count() -> None:
    assert list(debian.packages(STATUS)) == [("tool", "1.0-2")]


@pytest.mark.parametrize(
    ("lines", "licence"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("License: Apache License, Version 2.0", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("Classifier: Programming Language :: Python", UNKNOWN),
    ],
)
def test_a_python_distribution_tells_its_licence(lines: str, licence: str) -> None:
    part = python_dists.part(f"Metadata-Version: 2.4\nName: thing\nVersion: 2.0\n{lines}\n\nText: not a field\n")
    assert part == Part(kind="python", name="thing", version="2.0", licence=licence)


def test_an_image_tells_the_parts_of_all_its_layers(tmp_path: Path) -> None:
    base = {"/var/lib/dpkg/status": STATUS.encode(), "/usr/share/doc/tool/copyright": COPYRIGHT.encode()}
    go = {"/usr/bin/tool": program(MODULES) + bytes(600_000)}
    [entry] = small_bundle.filled([small_bundle.image(tmp_path, "tool", base, go)]).document.images
    assert [(part.kind, part.name, part.licence) for part in entry.parts] == [
        ("debian", "tool", "(Artistic-1.0-Perl OR GPL-2.0-or-later) AND MIT"),
        ("go", "example.com/tool", "MIT"),
        ("go", "std", "BSD-3-Clause"),
    ]


def test_what_an_upper_layer_removes_is_not_in_the_image(tmp_path: Path) -> None:
    go = {"/usr/bin/tool": program(MODULES) + bytes(600_000)}
    for gone in ("/usr/bin/.wh.tool", "/usr/.wh.bin", "/usr/bin/.wh..wh..opq"):
        given = small_bundle.image(tmp_path, "tool", go, {gone: b""})
        assert small_bundle.filled([given]).document.images[0].parts == ()


def test_the_table_of_go_modules_is_well_formed_and_has_no_gaps() -> None:
    table = go_table.known()
    assert list(table) == sorted(table)
    assert UNKNOWN not in table.values()
    assert table["k8s.io/kubernetes"] == "Apache-2.0"


def test_the_table_is_made_from_programs_and_the_sources_of_their_modules(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(program(MODULES + "dep\texample.com/!Odd\tv1\n".replace("!Odd", "Odd")))
    for folder, text in {"example.com/tool@v1.2.0": MIT, "example.com/!odd@v1": "?"}.items():
        (tmp_path / "mod" / folder).mkdir(parents=True)
        (tmp_path / "mod" / folder / "LICENSE").write_text(text, encoding="utf-8")
    assert go_table.survey([tmp_path / "tool"], tmp_path / "mod") == {
        "example.com/Odd": UNKNOWN,
        "example.com/tool": "MIT",
    }


def test_it_reads_what_go_itself_shows(tmp_path: Path) -> None:
    """Where this machine has Go: its own `go version -m` is the judge."""
    source = tmp_path / "main.go"
    source.write_text("package main\nfunc main() {}\n", encoding="ascii")
    try:
        words = ["go", "build", "-ldflags", "-s -w", "-o", str(tmp_path / "main"), str(source)]
        subprocess.run(words, check=True, capture_output=True, timeout=100)
        told = subprocess.run(["go", "env", "GOVERSION"], check=True, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return
    with (tmp_path / "main").open("rb") as stream:
        found = go_info.read(stream)
    assert found is not None
    assert found.toolchain.split()[0] == told.stdout.split()[0]


def test_a_bundle_without_known_licences_says_so(tmp_path: Path) -> None:
    go = {"/usr/bin/tool": program("dep\texample.com/new\tv1\n") + bytes(600_000)}
    document = small_bundle.filled([small_bundle.image(tmp_path, "tool", go)]).document
    assert [part.licence for part in document.images[0].parts if part.name == "example.com/new"] == [UNKNOWN]
    assert json.loads(document.content())["images"][0]["project"]["licence"] == UNKNOWN
