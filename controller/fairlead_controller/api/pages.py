"""Pages: a size within bounds, and opaque tokens that say where the next page begins (AIP-158)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from fairlead_wire.errors import Invalid

DEFAULT_SIZE, LARGEST_SIZE = 100, 1000

T = TypeVar("T")
Key = str | int | float


def page_size(asked: int) -> int:
    """The number of entries of a page. Raises Invalid for a negative one."""
    if asked < 0:
        raise Invalid(f"page_size is {asked}.", "Use 0 for the server's choice, or a positive number.")
    return min(asked or DEFAULT_SIZE, LARGEST_SIZE)


def token_after(listing: str, key: Key) -> str:
    """The page token that goes on after `key` in `listing`."""
    return base64.urlsafe_b64encode(json.dumps([listing, key]).encode()).decode()


def key_in(listing: str, token: str) -> Key | None:
    """Where the page begins, None for the first. Raises Invalid for a token of another listing."""
    if not token:
        return None
    try:
        of, key = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error):
        of, key = "", ""
    if of != listing or not isinstance(key, str | int | float):
        raise Invalid("The page token is not one of this list.", "Leave page_token empty to begin again.")
    return key


def page(entries: Sequence[T], key: Callable[[T], Key], listing: str, size: int, token: str) -> tuple[list[T], str]:
    """One page of entries that are all at hand and in the listing's order, and the token of the next page.

    An entry that is gone by the time of the next call ends the list early rather than repeating any of it.
    """
    begin = key_in(listing, token)
    start = 0
    if begin is not None:
        start = next((index + 1 for index, entry in enumerate(entries) if key(entry) == begin), len(entries))
    chosen = list(entries[start : start + page_size(size)])
    more = start + len(chosen) < len(entries)
    return chosen, token_after(listing, key(chosen[-1])) if more and chosen else ""
