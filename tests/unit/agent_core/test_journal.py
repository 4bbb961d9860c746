"""The journal survives a kill at any instant, keeps what it was given, and refuses what it can't read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fairlead_agent.journal import FILE_NAME, Journal
from fairlead_agent.view import Failure, Fallback, Memory
from fairlead_testing.tasks import assignment, job, reads, service, uses
from fairlead_wire.assignment import CertificateSpec, FileSpec, ObjectSpec
from fairlead_wire.errors import Refused

CONFIG = FileSpec.of("/etc/etcd.yaml", b"\x00\xff binary", secret=True)
CERTIFICATE = CertificateSpec("/etc/a.crt", "etcd", "a", "o", ("n",), ("10.0.0.1",), True, True)
ETCD = uses(reads(service("etcd", port=2379), CONFIG), CERTIFICATE)
FULL = Memory(
    assignment(ETCD, job("snapshot"), CONFIG, CERTIFICATE, ObjectSpec.of("a", "/a", "{}"), revision=7),
    generation=3,
    fallbacks={"etcd": Fallback(service("etcd", "etcd:0"), "0" * 64, (CONFIG,))},
    failed={"etcd": Failure("1" * 64, 7, "exited with code 1")},
    finished={"snapshot": "2" * 64},
    signalled={"id": "3" * 64},
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    Journal(tmp_path).save(FULL)
    assert Journal(tmp_path).load() == FULL
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_nothing_saved_is_nothing_held(tmp_path: Path) -> None:
    assert Journal(tmp_path).load() == Memory()


@pytest.mark.parametrize(
    "content", ['{"format": 2}', "{", "[]", '{"format": 1}', '{"format": 1, "assignment": {"x": 1}}']
)
def test_what_cannot_be_read_is_refused_in_a_sentence_and_kept(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(Refused) as refusal:
        Journal(tmp_path).load()
    assert FILE_NAME in str(refusal.value)
    assert (tmp_path / FILE_NAME).read_text() == content


class _Killed(BaseException):
    """The process ends here: no handler of ours may mend anything after it."""


@pytest.mark.parametrize("step", range(12))
def test_a_kill_at_any_step_of_a_save_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    journal, old = Journal(tmp_path), Memory(generation=1)
    journal.save(old)
    left = step

    def killing(name: str, call: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0 and name != "unlink":
                raise _Killed
            if left < 0:
                return None
            return call(*arguments, **named)

        return wrapped

    for name in ("open", "fsync", "fchmod", "close"):
        monkeypatch.setattr(os, name, killing(name, getattr(os, name)))
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, killing(name, getattr(Path, name)))
    try:
        journal.save(FULL)
        finished = True
    except _Killed:
        finished = False
    monkeypatch.undo()
    held = Journal(tmp_path).load()
    assert held in (old, FULL)
    assert held == FULL or not finished
