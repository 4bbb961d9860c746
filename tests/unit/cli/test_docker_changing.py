"""What the changing half of `fairlead docker` decides by itself: flags, patterns, keys, progress."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_cli.docker.arguments import divided
from fairlead_cli.docker.build_context import Folder, archive, blocks
from fairlead_cli.docker.build_source import source
from fairlead_cli.docker.container_spec import (
    capabilities,
    command_failure,
    environment,
    labels,
    memory_bytes,
    tagged,
)
from fairlead_cli.docker.detach_keys import DetachKeys
from fairlead_cli.docker.dockerfile import needs
from fairlead_cli.docker.ignore_patterns import compile_patterns, excluded, is_excluded, read_patterns
from fairlead_cli.docker.progress import Messages, Screen, progress_bar
from fairlead_wire.errors import FairleadError, Invalid, Refused
from fairlead_wire.references import full_reference

OPTIONS = {"-i": False, "-t": False, "-e": True, "--env": True, "--rm": False, "-p": True, "--name": True}


@pytest.mark.parametrize(
    ("words", "own", "rest"),
    [
        ("-it img sh -e x", "-it", "img sh -e x"),
        ("-ite A=1 img", "-ite A=1", "img"),
        ("-iteA=1 img", "-iteA=1", "img"),
        ("-e=A=1 -p=80:80 img --rm", "-e A=1 -p 80:80", "img --rm"),
        ("--env A=1 --name=x img --name y", "--env A=1 --name=x", "img --name y"),
        ("--rm -- img -- -e", "--rm", "img -- -e"),
        ("--rm", "--rm", ""),
        ("--name", "--name ", ""),
        ("- x", "", "- x"),
    ],
)
def test_everything_after_the_image_is_the_commands(words: str, own: str, rest: str) -> None:
    assert divided(words.split(), OPTIONS) == (own.split(" ") if own else [], rest.split())


@given(command=st.lists(st.text()), own=st.lists(st.sampled_from(["-i", "--rm", "-ti", "-eA=--", "--name=x"])))
def test_no_word_of_the_command_is_touched(own: list[str], command: list[str]) -> None:
    assert divided([*own, "img", *command], OPTIONS) == (own, ["img", *command])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("0", 0),
        ("512m", 2**29),
        ("1.5g", 3 * 2**29),
        ("64MiB", 2**26),
        ("1 kb", 1024),
        ("2T", 2**41),
        ("7b", 7),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert memory_bytes(text) == count


@pytest.mark.parametrize("text", ["3x", "-1m", "m", "1,5g", "1mm"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Invalid):
        memory_bytes(text)


def test_environment() -> None:
    files = {"env": "# why\n\nA=1\n  B=2 # no comment\nHERE\nNOT_HERE\nC=\n"}
    assert environment(["A=3", "HERE", "D==="], files, {"HERE": "yes"}) == [
        "A=1",
        "B=2 # no comment",
        "HERE=yes",
        "C=",
        "A=3",
        "HERE=yes",
        "D===",
    ]
    with pytest.raises(Invalid) as caught:
        environment(["=x"], {"env": "A=1\nMY NAME=2\n=3\n"}, {})
    assert [problem.where for problem in caught.value.problems] == ["env:2", "env:3", "--env"]


def test_labels() -> None:
    assert labels(["a=b=c", "alone"]) == {"a": "b=c", "alone": ""}
    with pytest.raises(Invalid):
        labels(["=x"])


def test_capabilities() -> None:
    assert capabilities(["sys_time", "CAP_NET_ADMIN", "NET_ADMIN"]) == ["CAP_NET_ADMIN", "CAP_SYS_TIME"]
    assert capabilities(["net_raw", "all"]) == ["ALL"]


@pytest.mark.parametrize(
    ("name", "full", "canonical"),
    [
        ("nginx", "nginx:latest", "docker.io/library/nginx:latest"),
        ("me/x:1", "me/x:1", "docker.io/me/x:1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("reg.example:5000/x", "reg.example:5000/x:latest", "reg.example:5000/x:latest"),
        ("x@sha256:ab", "x@sha256:ab", "docker.io/library/x@sha256:ab"),
    ],
)
def test_names_of_images(name: str, full: str, canonical: str) -> None:
    assert (tagged(name), full_reference(tagged(name))) == (full, canonical)


def test_exit_codes_of_refusals() -> None:
    told = ('exec: "x": executable file not found', "stat /x: no such file or directory", "permission denied", "else")
    assert [command_failure(FairleadError(each)) for each in told] == [127, 127, 126, 125]


@given(keys=st.lists(st.binary(max_size=4) | st.sampled_from([b"\x10", b"\x11", b"\x10\x11"])))
def test_keys_go_on_as_they_are_up_to_the_two_that_leave(keys: list[bytes]) -> None:
    detach, sent, left = DetachKeys(), b"", False
    for typed in keys:
        passed, left = detach.feed(typed)
        sent += passed
        if left:
            break
    everything = b"".join(keys)
    if left:
        assert b"\x10\x11" in everything
        assert sent == everything.partition(b"\x10\x11")[0]
    else:
        assert b"\x10\x11" not in everything
        assert sent in (everything, everything.removesuffix(b"\x10"))


@given(
    names=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    lines=st.lists(st.text(alphabet="abc*?/!", max_size=6), max_size=5),
)
def test_an_excluded_folder_has_nothing_in_it_unless_an_exception_says_so(names: list[str], lines: list[str]) -> None:
    try:
        patterns = compile_patterns(read_patterns("\n".join(lines)))
    except Invalid:
        return
    path = "/".join(names)
    out, matched = excluded(patterns, path) if len(names) == 1 else (is_excluded(patterns, path), None)
    below = is_excluded(patterns, f"{path}/x")
    if out and not any(pattern.exception for pattern in patterns):
        assert below
    assert matched is None or len(matched) == len(patterns)


@given(pieces=st.lists(st.binary(max_size=50)), size=st.integers(1, 40))
def test_blocks_are_the_same_bytes(pieces: list[bytes], size: int) -> None:
    made = list(blocks(pieces, size))
    assert b"".join(made) == b"".join(pieces)
    assert all(len(block) == size for block in made[:-1])
    assert all(made)


def test_links_out_of_the_context_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    root = tmp_path / "context"
    root.mkdir()
    (root / "Dockerfile").write_text("FROM scratch\n")
    (root / "file").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    sent = b"".join(archive(Folder(root)))
    assert b"secret\n" not in sent
    with tarfile.open(fileobj=io.BytesIO(sent)) as members:
        assert [member.name for member in members if member.issym()] == ["file", "folder"]


def test_a_name_that_is_no_text_is_sent(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "\udcff\udcfe").write_text("x")
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive(Folder(tmp_path))))) as members:
        assert "\udcff\udcfe" in members.getnames()


def test_a_context_from_standard_input(tmp_path: Path) -> None:
    dockerfile = b"FROM scratch\n"
    text = source("-", "", io.BytesIO(dockerfile))
    with tarfile.open(fileobj=io.BytesIO(b"".join(text.blocks()))) as members:
        assert members.getnames() == ["Dockerfile"]
    (tmp_path / "Dockerfile").write_bytes(dockerfile)
    packed = b"".join(archive(Folder(tmp_path)))
    passed = source("-", "other", io.BytesIO(packed))
    assert (b"".join(passed.blocks()), passed.dockerfile, passed.repeatable) == (packed, "other", False)
    with pytest.raises(Refused):
        source("-", "", io.BytesIO(b"FROM scratch\nRUN --mount=type=secret,id=a x\n"))
    with pytest.raises(Invalid):
        source("-", "", io.BytesIO(b""))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a\nRUN x\n", []),
        ("FROM a\n# syntax=x\nRUN echo $((1 << 3)) && cat <<< y\n", []),
        ("# escape=`\n# syntax=x\nFROM a\n", [2]),
        ("# escape=`\nFROM a\nRUN a `\n  --mount=x\nRUN --mount=x b\n", [5]),
        ("FROM a\nRUN \\\n\n  # why\n  --mount=type=tmpfs,target=/x y\n", [2]),
        ("FROM a\nCOPY <<EOF /x\nhello\nEOF\n", [2]),
        ("FROM a\nCOPY --chown=1 --link a b\nADD --checksum=x a b\n", [2, 3]),
        ("FROM --platform=$BUILDPLATFORM a\n", [1]),
    ],
)
def test_what_needs_buildkit(text: str, found: list[int]) -> None:
    assert [number for number, _ in needs(text)] == found


@given(messages=st.lists(st.dictionaries(st.text(), st.text() | st.integers())), cut=st.integers(1, 9))
def test_messages_arrive_however_they_are_cut(messages: list[dict[str, object]], cut: int) -> None:
    text = "\n".join(json.dumps(message) for message in messages).encode()
    reader = Messages()
    found = [message for at in range(0, len(text), cut) for message in reader.feed(text[at : at + cut])]
    assert [*found, *reader.close()] == messages


def test_layers_are_repainted_on_a_terminal() -> None:
    written: list[str] = []
    screen = Screen(written.append, 120)
    for layer, status, detail in (
        ("a", "Waiting", {}),
        ("b", "Waiting", {}),
        ("a", "Downloading", {"current": 1_000_000, "total": 4_000_000}),
    ):
        screen.show({"id": layer, "status": status, "progressDetail": detail})
    bar = f"[{'=' * 12}>{' ' * 38}]      1MB/4MB"
    assert written == ["a: Waiting\n", "b: Waiting\n", f"\x1b[2A\r\x1b[2Ka: Downloading {bar}\r\x1b[2B"]
    screen.show({"status": "Done"})
    screen.show({"id": "a", "status": "Again", "progressDetail": {}})
    assert written[3:] == ["Done\n", "a: Again\n"]


def test_lines_of_several_nodes_do_not_mix() -> None:
    written: list[str] = []
    screen = Screen(written.append)
    for prefix, text in (("a  ", "Step 1"), ("b  ", "Step 1"), ("a  ", "\n"), ("b  ", "\none\ntw"), ("a  ", "end")):
        screen.show({"stream": text}, prefix)
    screen.close("a  ")
    screen.close("b  ")
    assert "".join(written) == "a  Step 1\nb  Step 1\nb  one\na  end\nb  tw\n"


def test_bars() -> None:
    assert progress_bar({}, 200) == ""
    assert progress_bar({"current": 5}, 200) == "      5B"
    assert progress_bar({"current": 5, "total": 10}, 80) == "      5B/10B"
    assert progress_bar({"current": 15, "total": 10}, 80) == "     15B"
