"""Where a build's context and Dockerfile come from: a folder, with its Dockerfile inside, outside or on standard input,
or standard input alone, which is an archive or a Dockerfile."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from fairlead_cli.docker import dockerfile
from fairlead_cli.docker.build_context import IGNORE_FILE, Folder, archive, blocks
from fairlead_cli.docker.ignore_patterns import Pattern, compile_patterns, is_excluded, read_patterns
from fairlead_wire.docker_calls import BLOCK_BYTES
from fairlead_wire.errors import Invalid, Refused

STDIN = "-"
_USUAL = "Dockerfile"
_COMPRESSED = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
"""What gzip, bzip2, xz and zstd begin with: Docker takes them all."""
_REMOTE = ("http://", "https://", "git://", "ssh://", "git@", "github.com/")


@dataclass(frozen=True)
class Source:
    """What is sent. `dockerfile`: its path in the context, empty for Docker's usual one.

    `blocks` begins anew with each call if `repeatable`, and can be called only once otherwise.
    """

    dockerfile: str
    blocks: Callable[[], Iterator[bytes]]
    repeatable: bool = True


def source(path: str, file: str, stdin: BinaryIO) -> Source:
    """Reads what has to be known before anything is sent. `file`: as `docker build -f`, empty for the usual one.

    Raises Invalid for what is not there or can't be read, Refused for a Dockerfile that needs BuildKit.
    """
    if path == STDIN:
        return _from_stdin(file, stdin)
    if path.startswith(_REMOTE):
        raise Refused(
            f"{path} is no folder on this machine, and nodes fetch no contexts.", "Clone it, then build the folder."
        )
    root = Path(path)
    if not root.is_dir():
        raise Invalid(f"There is no folder {path}.", "Give the folder whose files the build needs, for example `.`.")
    return _from_folder(root.resolve(), file, stdin)


def _from_folder(root: Path, file: str, stdin: BinaryIO) -> Source:
    if file == STDIN:
        content, inside = stdin.read(), ""
    else:
        found = _locate(root, file)
        content = _read(found)
        inside = found.relative_to(root).as_posix() if found.is_relative_to(root) else ""
    dockerfile.check(content.decode(errors="replace"), file if file not in ("", STDIN) else _USUAL)
    ignored = _ignore_file(root)
    if inside:
        return _sending(Folder(root, _patterns(ignored, inside)), inside)
    name = f".dockerfile.{hashlib.sha256(content).hexdigest()[:20]}"
    # As Docker's client does: what was added is for the builder alone, and no COPY shall see it.
    listed = (IGNORE_FILE.encode() if ignored is None else ignored) + f"\n{name}\n".encode()
    return _sending(Folder(root, _patterns(ignored, name), {IGNORE_FILE: listed, name: content}), name)


def _sending(folder: Folder, name: str) -> Source:
    return Source(name, lambda: archive(folder))


def _locate(root: Path, file: str) -> Path:
    """Where the Dockerfile really lies. A name that was given starts from the current folder, as with Docker."""
    named = Path(file) if file else root / _USUAL
    if not file and not named.exists() and (root / "dockerfile").exists():
        named = root / "dockerfile"
    if not named.exists():
        raise Invalid(f"There is no Dockerfile {named}.", "Name it with -f.")
    return named.resolve()


def _ignore_file(root: Path) -> bytes | None:
    path = root / IGNORE_FILE
    return _read(path) if path.is_file() else None


def _patterns(ignored: bytes | None, name: str) -> tuple[Pattern, ...]:
    """The builder needs both files, whatever the patterns say; it leaves them out of the image itself."""
    texts = read_patterns((ignored or b"").decode(errors="replace"))
    compiled = compile_patterns(texts)
    kept = [f"!{needed}" for needed in (IGNORE_FILE, name) if is_excluded(compiled, needed)]
    return compile_patterns([*texts, *kept])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} can't be read: {error.strerror}.", "Make it a readable file.") from None


def _from_stdin(file: str, stdin: BinaryIO) -> Source:
    if file == STDIN:
        raise Invalid(
            "Standard input can't be the context and the Dockerfile.", "Give the context as a folder, or leave out -f."
        )
    head = stdin.read(tarfile.BLOCKSIZE)
    if _is_archive(head):
        return Source(file, lambda: blocks(chain([head], iter(lambda: stdin.read(BLOCK_BYTES), b""))), repeatable=False)
    content = head + stdin.read()
    if not content.strip():
        raise Invalid("Nothing came on standard input.", "Send a Dockerfile or a tar archive, or give a folder.")
    dockerfile.check(content.decode(errors="replace"), "standard input")
    return _sending(Folder(None, added={_USUAL: content}), _USUAL)


def _is_archive(head: bytes) -> bool:
    if head.startswith(_COMPRESSED):
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
