"""Licences by their texts: which SPDX identifiers a file speaks of. Pure.

It knows the licences that what we ship really has; for a text that it does not know it says so, and never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fairlead_cli.bundle.document import UNKNOWN


@dataclass(frozen=True)
class Mark:
    """Phrases that a licence's text has, all of them, and phrases that it has not."""

    identifier: str
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()


_MIT = "permission is hereby granted free of charge to any person obtaining a copy of this software"
_MIT_NOTICE = "permission notice shall be included in all copies"
_BSD = "redistribution and use in source and binary forms with or without modification"
_ENDORSE = "endorse or promote products"
_ADVERTISING = "all advertising materials mentioning features"
_BINARY = "in binary form must reproduce"
_ISC = "permission to use copy modify and or distribute this software for any purpose with or without fee"
_ISC_OLD = "permission to use copy modify and distribute this software for any purpose with or without fee"
_ISC_NOTICE = "permission notice appear in all copies"

MARKS = (
    Mark("Apache-2.0", ("apache license version 2 0",)),
    Mark("MIT", (_MIT, _MIT_NOTICE)),
    Mark("MIT-0", (_MIT,), (_MIT_NOTICE,)),
    Mark("BSD-4-Clause", (_BSD, _ADVERTISING)),
    Mark("BSD-3-Clause", (_BSD, _BINARY, _ENDORSE), (_ADVERTISING,)),
    Mark("BSD-2-Clause", (_BSD, _BINARY), (_ADVERTISING, _ENDORSE)),
    Mark("ISC", (_ISC, _ISC_NOTICE)),
    Mark("ISC", (_ISC_OLD, _ISC_NOTICE)),
    Mark("0BSD", (_ISC,), (_ISC_NOTICE,)),
    Mark("MPL-2.0", ("mozilla public license version 2 0",)),
    Mark("MPL-1.1", ("mozilla public license version 1 1",)),
    Mark("EPL-2.0", ("eclipse public license v 2 0",)),
    Mark("CDDL-1.0", ("common development and distribution license cddl version 1 0",)),
    Mark("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    Mark("CC0-1.0", ("cc0 1 0 universal",)),
    Mark(
        "CC-BY-4.0", ("creative commons attribution 4 0 international",), ("creative commons attribution sharealike",)
    ),
    Mark("CC-BY-SA-4.0", ("creative commons attribution sharealike 4 0 international",)),
    Mark("Zlib", ("altered source versions must be plainly marked as such",)),
    Mark("BSL-1.0", ("boost software license version 1 0",)),
    Mark("PSF-2.0", ("python software foundation license version 2",)),
    Mark("AGPL-3.0-only", ("gnu affero general public license version 3 19 november 2007",)),
    Mark("GPL-3.0-only", ("gnu general public license version 3 29 june 2007",)),
    Mark("GPL-2.0-only", ("gnu general public license version 2 june 1991",)),
    Mark("LGPL-3.0-only", ("gnu lesser general public license version 3 29 june 2007",)),
    Mark("LGPL-2.1-or-later", ("gnu lesser general public license version 2 1 or at your option any later version",)),
    Mark("LGPL-2.1-only", ("gnu lesser general public license version 2 1 february 1999",)),
)


def detect(text: str) -> set[str]:
    """The licences that a text has in it."""
    plain = " ".join(re.sub(r"[^a-z0-9]+", " ", text.lower()).split())
    return {mark.identifier for mark in MARKS if _has(plain, mark)}


def _has(plain: str, mark: Mark) -> bool:
    return all(one in plain for one in mark.present) and not any(one in plain for one in mark.absent)


def together(identifiers: Iterable[str]) -> str:
    """One SPDX expression for what stands under several licences at once; alternatives keep their brackets."""
    found = sorted(set(identifiers) - {UNKNOWN})
    if len(found) == 1:
        return found[0]
    return " AND ".join(f"({one})" if " OR " in one else one for one in found) or UNKNOWN


def reference(name: str) -> str:
    """SPDX's way to write a licence that has no identifier there."""
    return f"LicenseRef-{re.sub(r'[^A-Za-z0-9.-]+', '-', name).strip('-') or 'unnamed'}"
