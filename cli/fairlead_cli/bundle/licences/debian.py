"""Debian's packages in an image: dpkg's list, and the licences in their copyright files. Pure.

Copyright files are of Debian's format 1.0 (paragraphs with `License: NAME`) or free text, which mostly points at
/usr/share/common-licenses/NAME.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fairlead_cli.bundle.document import UNKNOWN
from fairlead_cli.bundle.licences import spdx

MACHINE_READABLE = re.compile(r"^Format:\s*https?://\S+/copyright-format/", re.IGNORECASE | re.MULTILINE)
LICENCE_LINE = re.compile(r"^License:[ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE)
COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9.+-]*[A-Za-z0-9])")
GNU = re.compile(r"(a?l?gpl|gfdl)-?v?(\d+(?:\.\d+)?)(?:\.0)?(\+|-or-later|-only)?", re.IGNORECASE)
GNU_NAMES = {"gpl": "GPL", "lgpl": "LGPL", "agpl": "AGPL", "gfdl": "GFDL"}
NAMES = {
    "apache": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-1": "Artistic-1.0-Perl",
    "artistic-2": "Artistic-2.0",
    "artistic-2.0": "Artistic-2.0",
    "bsd": "BSD-3-Clause",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "bsl-1.0": "BSL-1.0",
    "cc0": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "expat": "MIT",
    "gpl": "GPL-1.0-or-later",
    "isc": "ISC",
    "lgpl": "LGPL-2.0-or-later",
    "mit": "MIT",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "openssl": "OpenSSL",
    "psf": "PSF-2.0",
    "psf-2": "PSF-2.0",
    "unlicense": "Unlicense",
    "zlib": "Zlib",
    "gfdl-niv-1.2": "GFDL-1.2-no-invariants-only",
    "gfdl-niv-1.3": "GFDL-1.3-no-invariants-only",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
}
SAME = ("0BSD", "Beerware", "CC-BY-3.0", "CC-BY-SA-4.0", "FSFAP", "FSFUL", "FSFULLR", "Latex2e", "MS-PL", "Sleepycat")
SAME_NAMES = {name.lower(): name for name in (*SAME, "TCP-wrappers", "X11", "curl")}


def packages(status: str) -> Iterator[tuple[str, str]]:
    """Name and version of every package that dpkg's status file calls installed."""
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[:1] != " ")
        if fields.get("Status", "").endswith(" installed"):
            yield fields["Package"], fields.get("Version", "")


def licence(copyright_file: str) -> str:
    """The SPDX expression of what a copyright file tells; NOASSERTION if it tells nothing that we understand."""
    if MACHINE_READABLE.search(copyright_file):
        return spdx.together(term for line in LICENCE_LINE.findall(copyright_file) for term in terms(line))
    common = {identifier(name) for name in COMMON.findall(copyright_file)}
    return spdx.together(common | spdx.detect(copyright_file))


def terms(line: str) -> Iterator[str]:
    """What a licence line of Debian's ("GPL-2+ or Artistic, and Expat") asks for, each an SPDX expression."""
    for part in re.split(r"\s*,?\s+and\s+|,\s+", line.strip()):
        if part:
            yield " OR ".join(sorted(set(map(identifier, re.split(r"\s+or\s+", part)))))


def identifier(name: str) -> str:
    """SPDX's identifier for a name that Debian uses; a LicenseRef for those that SPDX has not."""
    name = re.sub(r"\s+with\s+.*", "", name.strip(), flags=re.IGNORECASE)  # exceptions only ever permit more
    known = NAMES.get(name.lower()) or SAME_NAMES.get(name.lower())
    if known:
        return known
    found = GNU.fullmatch(name)
    if not found:
        return spdx.reference(name)
    version = found[2] if "." in found[2] else f"{found[2]}.0"
    later = "or-later" if found[3] in ("+", "-or-later") else "only"
    return f"{GNU_NAMES[found[1].lower()]}-{version}-{later}"


def licence_of(package: str, copyrights: Mapping[str, str], links: Mapping[str, str]) -> str:
    """A package's licence; `copyrights` are by package, `links` lead from a package's doc folder to another's."""
    return copyrights.get(package) or copyrights.get(links.get(package, ""), UNKNOWN)
