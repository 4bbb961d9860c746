"""Python distributions in an image: what their METADATA files tell. Pure."""

from __future__ import annotations

import re
from email.parser import HeaderParser

from fairlead_cli.bundle.document import UNKNOWN, Part
from fairlead_cli.bundle.licences import spdx

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "mit": "MIT",
    "mit license": "MIT",
    "psf-2.0": "PSF-2.0",
}
EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def part(metadata: str) -> Part:
    """The distribution that a METADATA file describes."""
    fields = HeaderParser().parsestr(metadata)
    name, version = str(fields.get("Name", "")), str(fields.get("Version", ""))
    words = [str(line).rpartition(" :: ")[2] for line in fields.get_all("Classifier", ()) if "License ::" in str(line)]
    found = _expression(str(fields.get("License-Expression", ""))) or WORDS.get(str(fields.get("License", "")).lower())
    if not found:
        found = spdx.together(CLASSIFIERS[word] for word in words if word in CLASSIFIERS)
    if found == UNKNOWN:
        found = spdx.together(spdx.detect(str(fields.get("License", ""))))
    return Part(kind="python", name=name, version=version, licence=found)


def _expression(text: str) -> str:
    return text if EXPRESSION.fullmatch(text) else ""
