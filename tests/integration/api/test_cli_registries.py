"""`fairlead registry` against a real controller: mirrors and logins of registries outside of the fleet."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer

SECRET = "hunter2-of-the-test"  # the answer to what is told nowhere


def known(beside: ThreadedServer, host: str) -> UpstreamRegistry | None:
    return beside.store(lambda repositories: repositories.registries.get(host))


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    return str(path)


def test_what_is_said_is_kept_and_the_password_is_told_nowhere(
    beside: ThreadedServer, fairlead: Run, secret: str
) -> None:
    words = ("--mirror", "mirror.example.com/k8s", "--mirror", "localhost", "--username", "robot")
    said = fairlead("registry", "set", "registry.k8s.io", *words, "--password-file", secret)
    assert said.code == 0, said.err
    kept = known(beside, "registry.k8s.io")
    assert kept is not None
    assert (kept.mirrors, kept.username, kept.password) == (("mirror.example.com/k8s", "localhost"), "robot", SECRET)
    listed, as_json = fairlead("registry", "ls").out, fairlead("registry", "ls", "-o", "json").out
    assert "registry.k8s.io  mirror.example.com/k8s, localhost  robot" in listed
    [registry] = json.loads(as_json)
    assert (registry["name"], registry["has_password"]) == ("registries/registry.k8s.io", True)
    events = fairlead("events", "-o", "json").out
    assert "The registry registry.k8s.io has mirrors" in events
    for told in (said.out, said.err, listed, as_json, events):
        assert SECRET not in told
    assert SECRET not in repr(kept)


def test_a_password_stays_as_long_as_its_user_does(
    beside: ThreadedServer, fairlead: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(SECRET))
    assert fairlead("registry", "set", "r.example.com", "-u", "robot", "--password-file", "-").code == 0
    assert fairlead("registry", "set", "r.example.com", "-u", "robot", "--mirror", "m.example.com").code == 0
    kept = known(beside, "r.example.com")
    assert kept is not None
    assert (kept.password, kept.mirrors) == (SECRET, ("m.example.com",))
    refused = fairlead("registry", "set", "r.example.com", "-u", "another")
    assert refused.code == 1
    assert "another needs a password" in refused.err
    assert known(beside, "r.example.com") == kept
    assert fairlead("registry", "set", "r.example.com").code == 0
    assert (last := known(beside, "r.example.com")) is not None
    assert (last.username, last.password) == ("", "")


def test_what_is_forgotten_is_gone(beside: ThreadedServer, fairlead: Run) -> None:
    assert fairlead("registry", "set", "r.example.com:5000", "--mirror", "m.example.com").code == 0
    assert fairlead("registry", "rm", "r.example.com:5000").code == 0
    assert known(beside, "r.example.com:5000") is None
    assert "Nothing is said of any registry" in fairlead("registry", "ls").out
    again = fairlead("registry", "rm", "r.example.com:5000")
    assert (again.code, "There is no registry" in again.err, "fairlead registry ls" in again.err) == (1, True, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("https://r.example.com",), "registries/NAME"),
        (("nginx",), "'nginx' is no registry"),
        (("r.example.com", "--mirror", "https://m.example.com"), "without https://"),
        (("r.example.com", "--mirror", "r.example.com"), "its own mirror"),
        (("r.example.com", "--mirror", "m.example.com/Upper"), "is no mirror"),
        (("r.example.com", "--username", "robot"), "robot needs a password"),
        (("r.example.com", "--password-file", "{secret}"), "without a user"),
        (("r.example.com", "-u", "robot", "--password-file", "/nowhere/secret"), "There is no file"),
        (("r.example.com", "-u", "robot", "--password-file", "{empty}"), "is empty"),
    ],
)
def test_bad_words_change_nothing(
    beside: ThreadedServer, fairlead: Run, secret: str, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    said = fairlead("registry", "set", *(word.format(secret=secret, empty=tmp_path / "empty") for word in words))
    assert said.code == 1
    assert told in said.err
    assert "→ " in said.err
    assert not beside.store(lambda repositories: repositories.registries.all())
    assert SECRET not in said.err
