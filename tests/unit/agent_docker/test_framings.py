"""Where an answer of the Engine ends, however the network cuts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_agent.runtime.framings import Chunked, Counted, Endless, Malformed


def cut(wire: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in [*sizes, len(wire)]:
        pieces.append(wire[at : at + size])
        at += size
    return [piece for piece in pieces if piece]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 50), max_size=40))
def test_chunks_come_out_as_they_went_in(chunks: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    framing = Chunked()
    assert b"".join(framing.take(piece) for piece in cut(wire, sizes)) == b"".join(chunks)
    assert framing.ended


def test_an_answer_that_was_cut_off_has_not_ended() -> None:
    framing = Chunked()
    assert framing.take(b"5\r\nhel") == b"hel"
    assert (framing.ended, framing.may_break) == (False, False)


def test_a_chunk_with_an_extension() -> None:
    assert Chunked().take(b"2;a=b\r\nok\r\n") == b"ok"


@pytest.mark.parametrize("wire", [b"zz\r\n", b"x" * 100])
def test_what_is_no_chunk(wire: bytes) -> None:
    with pytest.raises(Malformed):
        Chunked().take(wire)


def test_an_answer_of_so_many_bytes() -> None:
    framing = Counted(5)
    assert (framing.take(b"hel"), framing.ended) == (b"hel", False)
    assert (framing.take(b"lo, and more"), framing.ended) == (b"lo", True)


def test_an_answer_without_anything() -> None:
    assert Counted(0).ended


def test_bytes_both_ways_end_with_their_connection() -> None:
    framing = Endless()
    assert (framing.take(b"any"), framing.ended, framing.may_break) == (b"any", False, True)
