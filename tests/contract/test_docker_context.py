"""A build's context beside what the real `docker build` sends for the same folder, file by file."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import pytest

from fairlead_cli.docker.build_source import source
from fairlead_cli.docker.ignore_patterns import compile_patterns, read_patterns
from fairlead_testing.docker_client import listed, listening_socket, refused_context, sent_context
from fairlead_wire.errors import Invalid

FILES = (
    "Dockerfile",
    "a",
    "a.txt",
    "ab",
    "b.log",
    "é",
    "with space",
    "[x]",
    "star*",
    "dir/a",
    "dir/b.log",
    "dir/Dockerfile",
    "dir/deep/a",
    "dir/deep/b.log",
    "dir/deep/er/x",
    "foo/keep",
    "foo/bar/keep",
    "foo/bar/baz",
    "node_modules/m/index.js",
    "lib/node_modules/m/index.js",
    ".git/config",
    ".env",
    "#hash",
)
PATTERNS = (
    "",
    "# only a comment\n\n   \n",
    "\ufeffa\n",
    "a",
    "/a",
    "./dir/../a",
    "  a  ",
    "dir",
    "dir/",
    "/dir/",
    "dir/*",
    "dir/**",
    "dir/**/a",
    "dir/*/a",
    "*",
    "**",
    "**/a",
    "**a",
    "a**",
    "d**/a",
    "**/node_modules",
    "**/node_modules/**",
    "*/*/b.log",
    "**/*.log",
    "*.log",
    "?",
    "?b",
    "[ab]",
    "[^a]",
    "[a-c]*",
    r"\[x\]",
    r"star\*",
    "[[]x]",
    "*\n!a",
    "*\n!dir\n",
    "*\n!dir/deep",
    "*\n!dir/deep/a",
    "**\n!**/a",
    "dir\n!dir/deep/er",
    "dir\n!dir/deep\ndir/deep/er",
    "foo\n!foo/bar\nfoo/bar/baz",
    "!a\na",
    "a\n!a\na",
    "*\n!*/a",
    "**/*\n!dir/**/x",
    "Dockerfile\n.dockerignore",
    "dir/deep\n! dir/deep/a",
    ".*",
    "**/.*",
    "#hash",
    " #hash",
    ".",
    "..",
    "/",
    "../x",
    "é",
    "*é",
    "a.txt$",
    "(a)",
    "a|b.log",
    "***",
    "**/**",
    "dir/***",
    "***/a",
    "dir//deep",
    "lib/**/index.js",
    "a\r\n.env\r\n",
)
WRONG = ("[", "[a", "a[]", "a\\", "!", "[]a]", "[-x]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("FROM scratch\n" if path.name == "Dockerfile" else f"content of {name}")
    return root


def ours(root: Path, file: str = "", stdin: bytes = b"") -> bytes:
    before = Path.cwd()
    os.chdir(root)
    try:
        return b"".join(source(str(root), file, io.BytesIO(stdin)).blocks())
    finally:
        os.chdir(before)


def test_patterns_of_a_dockerignore(folder: Path, tmp_path: Path) -> None:
    different = {}
    for pattern in PATTERNS:
        (folder / ".dockerignore").write_text(pattern)
        mine, docker = listed(ours(folder)), listed(sent_context(folder, tmp_path))
        if mine != docker:
            different[pattern] = (mine.keys() - docker.keys(), docker.keys() - mine.keys())
    assert different == {}


def test_patterns_put_together_at_random(folder: Path, tmp_path: Path) -> None:
    chance = random.Random(5)
    parts = ("a", "dir", "deep", "foo", "bar", "*", "**", "?", "b.log", "*.log", "node_modules", "[ab]", "x*")
    different = []
    for _ in range(25):
        lines = [
            chance.choice(("", "", "!")) + "/".join(chance.choices(parts, k=chance.randint(1, 3)))
            for _ in range(chance.randint(1, 4))
        ]
        (folder / ".dockerignore").write_text("\n".join(lines))
        if listed(ours(folder)) != listed(sent_context(folder, tmp_path)):
            different.append(lines)
    assert different == []


@pytest.mark.parametrize("pattern", WRONG)
def test_patterns_that_are_none(folder: Path, tmp_path: Path, pattern: str) -> None:
    (folder / ".dockerignore").write_text(pattern)
    assert refused_context(folder, tmp_path)
    with pytest.raises(Invalid, match=r"The \.dockerignore can't be read"):
        compile_patterns(read_patterns(pattern))


def test_all_kinds_of_files(folder: Path, tmp_path: Path) -> None:
    (folder / "link").symlink_to("dir/a")
    (folder / "outside").symlink_to("/etc")
    (folder / "dangling").symlink_to("../nowhere")
    (folder / "hard").hardlink_to(folder / "dir" / "a")
    (folder / "empty").mkdir()
    (folder / "program").write_bytes(b"x" * 70_000)
    (folder / "program").chmod(0o4755)
    (folder / "dir").chmod(0o1777)
    os.mkfifo(folder / "pipe")
    (folder / ("long" * 40)).mkdir()
    (folder / ("long" * 40) / ("name" * 30)).write_text("long")
    os.utime(folder / "a", ns=(1_500_000_000_999_999_999, 1_400_000_000_999_999_999))
    os.chown(folder / "ab", 1_000, 1_000)
    with listening_socket(folder / "socket"):
        assert listed(ours(folder)) == listed(sent_context(folder, tmp_path))
    assert len(ours(folder)) == len(sent_context(folder, tmp_path))


@pytest.mark.parametrize("ignored", ["", "*\n", "dir\n"])
def test_a_dockerfile_of_another_name(folder: Path, tmp_path: Path, ignored: str) -> None:
    (folder / ".dockerignore").write_text(ignored)
    assert listed(ours(folder, "dir/Dockerfile")) == listed(sent_context(folder, tmp_path, "-f", "dir/Dockerfile"))


@pytest.mark.parametrize("ignored", ["", "dir\n", None])
def test_a_dockerfile_from_elsewhere(folder: Path, tmp_path: Path, ignored: str | None) -> None:
    """It has a name of its own by which no COPY sees it; Docker's is a random one."""
    (tmp_path / "Elsewhere").write_text("FROM scratch\nLABEL a=b\n")
    if ignored is not None:
        (folder / ".dockerignore").write_text(ignored)
    (folder / "Linked").symlink_to("../Elsewhere")
    docker = _named_alike(sent_context(folder, tmp_path, "-f", "../Elsewhere"))
    assert _named_alike(ours(folder, "../Elsewhere")) == docker
    assert _named_alike(ours(folder, "Linked")) == docker
    content = (tmp_path / "Elsewhere").read_bytes()
    assert _named_alike(ours(folder, "-", content)) == docker


def _named_alike(context: bytes) -> dict[str, object]:
    """Names and contents; the sent Dockerfile and the time of its making have no name and time of their own."""
    found = listed(context)
    [name] = [each for each in found if each.startswith(".dockerfile.")]
    contents = {each: entry[-1] for each, entry in found.items()}
    contents["the Dockerfile"] = contents.pop(name)
    contents[".dockerignore"] = bytes(contents[".dockerignore"]).replace(name.encode(), b"the Dockerfile")  # type: ignore[call-overload]
    return contents
