"""Docker's frames come apart, however they are cut."""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_cli.docker.fanout import LONGEST_LINE, Lines
from fairlead_cli.docker.streams import STDERR, STDOUT, Demultiplexer, Output, Sink
from fairlead_wire.errors import FairleadError


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def joined(runs: list[tuple[int, bytes]]) -> dict[int, bytes]:
    return {stream: b"".join(data for at, data in runs if at == stream) for stream in (STDOUT, STDERR)}


@given(
    st.lists(st.tuples(st.sampled_from((STDOUT, STDERR)), st.binary(max_size=40)), max_size=12),
    st.lists(st.integers(1, 30), max_size=40),
)
def test_frames_come_apart_however_they_are_cut(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    left = b"".join(frame(stream, data) for stream, data in frames)
    apart, runs = Demultiplexer(), []
    for length in [*cuts, len(left)]:
        block, left = left[:length], left[length:]
        runs += apart.feed(block)
    assert joined(runs) == joined(frames)
    assert not apart.cut


def test_neighbours_of_a_stream_are_joined_and_order_is_kept() -> None:
    block = frame(1, b"a") + frame(1, b"b") + frame(2, b"c") + frame(1, b"d")
    assert Demultiplexer().feed(block) == [(1, b"ab"), (2, b"c"), (1, b"d")]


def test_output_goes_where_it_belongs() -> None:
    out, err = io.BytesIO(), io.BytesIO()
    sink = Sink(out, err)
    Output(sink.write, terminal=False).feed(frame(1, b"\x00\xff") + frame(2, b"oh"))
    Output(sink.write, terminal=True).feed(b"\x01plain")
    assert (out.getvalue(), err.getvalue()) == (b"\x00\xff\x01plain", b"oh")


def test_a_stream_that_ends_within_a_frame_is_an_error() -> None:
    output = Output(lambda stream, data: None, terminal=False)
    output.feed(frame(1, b"whole") + b"\x01\x00")
    with pytest.raises(FairleadError, match="in the middle"):
        output.close()


@given(st.lists(st.sampled_from((b"a", b"\n", b"b\nc", b"", b"\n\n")), max_size=12))
def test_every_line_has_its_prefix(blocks: list[bytes]) -> None:
    written: list[bytes] = []
    lines = Lines(b"n ", written.append)
    for block in blocks:
        lines.feed(block)
    lines.close()
    wanted = b"".join(b"n " + line.removesuffix(b"\n") + b"\n" for line in b"".join(blocks).splitlines(keepends=True))
    assert b"".join(written) == wanted


def test_garbage_without_lines_does_not_fill_memory() -> None:
    written: list[bytes] = []
    lines = Lines(b"n ", written.append)
    for _ in range(20):
        lines.feed(b"x" * (LONGEST_LINE // 4))
    assert sum(map(len, written)) > 2 * LONGEST_LINE


def test_lines_of_a_kibibyte_come_apart_fast() -> None:
    """Well above the speed of a relay on two busy cores (145 MiB/s), with room for a slow machine."""
    line = frame(1, b"x" * 1023 + b"\n")
    block = line * 250
    apart, blocks = Demultiplexer(), 256
    begun = time.process_time()
    for _ in range(blocks):
        apart.feed(block)
    assert len(block) * blocks / (time.process_time() - begun) > 150 * 2**20
