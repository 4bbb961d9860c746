"""`fairlead-controller init` and `admin-cert`, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509

from fairlead_controller import setup
from fairlead_controller.app import main
from fairlead_controller.config import system_clock
from fairlead_controller.store.keys import make_key_file
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_wire.identity import Principal, Role, load_key, principal_of


def init(data: Path, *words: str) -> int:
    return main(["init", "--data", str(data), "--address", "10.0.0.1", *words])


def context(path: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(path.read_text())
    return content


def leaf(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(context(path)["certificate"].encode())[0]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    assert init(tmp_path / "fleet", "--context-file", str(tmp_path / "lab.json")) == 0
    return tmp_path / "fleet"


def test_init_makes_a_fleet_and_its_first_admin(fleet: Path, tmp_path: Path) -> None:
    made = context(tmp_path / "lab.json")
    assert (made["name"], made["endpoint"]) == ("lab", "10.0.0.1:7071")
    assert principal_of(leaf(tmp_path / "lab.json")) == Principal("admin", Role.ADMIN)
    assert load_key(made["key"].encode()).public_key() == leaf(tmp_path / "lab.json").public_key()
    assert (tmp_path / "lab.json").stat().st_mode & 0o777 == 0o600


def test_init_ends_with_what_to_type_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(tmp_path, "--context-file", str(tmp_path / "c.json")) == 0
    assert f"Next: fairlead-controller serve --data {tmp_path}" in capsys.readouterr().out


def test_what_init_leaves_is_private(fleet: Path) -> None:
    assert fleet.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in fleet.iterdir()} == {0o600}


def test_init_twice_is_refused_and_changes_nothing(
    fleet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tmp_path / "lab.json").read_bytes()
    assert init(fleet, "--context-file", str(tmp_path / "lab.json")) == 1
    assert "already holds a fleet" in (said := capsys.readouterr().err)
    assert "admin-cert" in said
    assert (tmp_path / "lab.json").read_bytes() == before


async def test_an_interrupted_init_can_be_run_again(tmp_path: Path) -> None:
    key = setup.default_key(tmp_path)
    make_key_file(Path(key.path), system_clock().random_bytes)
    await SqliteStore.create(tmp_path, key).close()
    admin = setup.Issued(setup.person("admin", "admin"), tmp_path / "admin.json")
    await setup.init(tmp_path, setup.NewFleet("host", 1, 2), key, admin, system_clock())
    assert context(tmp_path / "admin.json")["endpoint"] == "host:2"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--address", "10.0.0.1:7070"], "without a port"),
        (["--address", "a b"], "neither a host name nor an address"),
        (["--fleet-port", "7070"], "two ports"),
        (["--fleet-port", "70000"], "from 1 to 65535"),
        (["--name", "a\nb"], "can't be the name"),
        (["--key-file", "k", "--systemd-credential"], "more than one way"),
        (["--passphrase-file", "/nowhere/phrase"], "/nowhere/phrase"),
        (["--unknown"], "--unknown"),
    ],
)
def test_bad_input_gives_one_sentence_and_no_fleet(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path / "fleet", "--context-file", str(tmp_path / "c.json"), *words) == 1
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert not (tmp_path / "c.json").exists()


def test_an_ipv6_address_gets_its_brackets(tmp_path: Path) -> None:
    assert init(tmp_path / "fleet", "--context-file", str(tmp_path / "c.json"), "--address", "fd00::1") == 0
    assert context(tmp_path / "c.json")["endpoint"] == "[fd00::1]:7071"


def test_a_context_that_cannot_be_written_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert init(tmp_path / "fleet", "--context-file", str(tmp_path / "file" / "c.json")) == 1
    assert "admin-cert" in capsys.readouterr().err
    words = ["admin-cert", "--data", str(tmp_path / "fleet"), "--name", "admin", "--context-file"]
    assert main([*words, str(tmp_path / "c.json")]) == 0


@pytest.mark.parametrize("role", ["admin", "operator", "viewer"])
def test_another_certificate_is_issued_beside_a_running_controller(fleet: Path, tmp_path: Path, role: str) -> None:
    running = SqliteStore.open_alone(fleet)
    words = ["admin-cert", "--data", str(fleet), "--name", "alice", "--role", role, "--days", "3"]
    assert main([*words, "--context-file", str(tmp_path / "alice.json"), "--context-name", "work"]) == 0
    issued = leaf(tmp_path / "alice.json")
    assert principal_of(issued) == Principal("alice", Role(role))
    assert (issued.not_valid_after_utc - issued.not_valid_before_utc).days == 3
    assert context(tmp_path / "alice.json")["name"] == "work"
    assert context(tmp_path / "alice.json")["authority"] == context(tmp_path / "lab.json")["authority"]
    running._close()


async def test_issuing_a_certificate_is_in_the_event_log(tmp_path: Path) -> None:
    key, person = setup.default_key(tmp_path), setup.person("alice", "viewer")
    admin = setup.Issued(setup.person("admin", "admin"), tmp_path / "admin.json")
    await setup.init(tmp_path, setup.NewFleet("host", 1, 2), key, admin, system_clock())
    await setup.admin_cert(tmp_path, setup.Issued(person, tmp_path / "alice.json"), system_clock())
    store = SqliteStore.open_alone(tmp_path)
    events = await store.read(lambda r: r.events.page())
    await store.close()
    assert [event.kind for event in events] == ["fleet-made", "certificate-issued"]
    assert "viewer was issued to alice" in events[-1].message


def test_without_a_fleet_it_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["admin-cert", "--data", str(tmp_path), "--name", "a", "--context-file", "/x"]) == 1
    assert "fairlead-controller init --data" in capsys.readouterr().err


def test_agents_get_no_certificate_here(fleet: Path, tmp_path: Path) -> None:
    words = ["admin-cert", "--data", str(fleet), "--name", "n1", "--role", "agent"]
    assert main([*words, "--context-file", str(tmp_path / "n1.json")]) == 1


def test_a_passphrase_seals_a_fleet(tmp_path: Path) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse battery staple\n")
    phrase.chmod(0o600)
    words = ["--context-file", str(tmp_path / "c.json"), "--passphrase-file", str(phrase)]
    assert init(tmp_path / "fleet", *words) == 0
    assert not (tmp_path / "fleet" / "seal.key").exists()
    words = ["admin-cert", "--data", str(tmp_path / "fleet"), "--name", "b", "--context-file"]
    assert main([*words, str(tmp_path / "b.json")]) == 0
    phrase.write_text("another horse battery staple\n")
    assert main([*words, str(tmp_path / "b.json")]) == 1
