"""Calls that need no controller: help, wrong calls, contexts, what is read from files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import typer

from fairlead_cli import contexts, main
from fairlead_cli.commands.asking import asked
from fairlead_cli.commands.lazy import Lazy
from fairlead_cli.commands.source import read_source
from fairlead_cli.commands.tokens import duration
from fairlead_cli.commands.tunnel import address
from fairlead_cli.kubeconfig_file import Document, default_path, document, merged, read
from fairlead_cli.main import COMMANDS
from fairlead_wire.errors import Invalid

HEAVY = ("grpc", "google.protobuf", "cryptography", "yaml", "rich", "pydantic", "asyncio")


def commands() -> Iterator[tuple[str, ...]]:
    """Every command there is, with the groups."""
    for name, lazy in COMMANDS.items():
        yield (name,)
        yield from ((name, inner) for inner in getattr(_loaded(name, lazy), "commands", {}))


def _loaded(name: str, lazy: Lazy) -> object:
    from fairlead_cli.commands.lazy import load

    return load(name, lazy)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("FAIRLEAD_CONTEXT", raising=False)


@pytest.mark.parametrize("command", [(), *commands()], ids=" ".join)
def test_every_help_says_what_it_does_and_has_examples(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*command, "--help"]) == 0
    said = capsys.readouterr().out
    is_group = len(command) == 1 and hasattr(_loaded(command[0], COMMANDS[command[0]]), "commands")
    first = next(iter(said.partition("Examples:\n")[2].splitlines()), "")
    assert is_group or {"fairlead", *command[-1:]} <= set(first.split())
    assert max(map(len, said.splitlines())) <= 120


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from fairlead_cli.main import main; assert main(['--help']) == 0; "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "[]\n"


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["cluster"]):
        assert main.main(arguments) == 0
        assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stats"], "Error: No such command 'stats'. Did you mean 'status'?\n  → See `fairlead --help`.\n"),
        (["node", "sho"], "Error: No such command 'sho'. Did you mean 'show'?\n  → See `fairlead node --help`.\n"),
        (["plan"], "Error: Missing option '--file' / '-f'.\n  → See `fairlead plan --help`.\n"),
        (["--nope"], "Error: No such option: --nope\n  → See `fairlead --help`.\n"),
        (["node", "show"], "Error: Missing argument 'NODE'.\n  → See `fairlead node show --help`.\n"),
    ],
)
def test_a_wrong_call_is_an_error_like_any_other(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(arguments) == 1
    assert capsys.readouterr().err == said


def test_a_wrong_output_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["status", "-o", "xml"]) == 1
    assert "'xml' is not one of 'table', 'json'" in capsys.readouterr().err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("fairlead 0.")


def test_a_fault_of_ours_is_a_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(typer.main, "get_command", lambda _: type("Command", (), {"main": staticmethod(fail)}))
    assert main.main(["status"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: fairlead itself failed: ZeroDivisionError: division by zero.\n  → Report it")


def test_contexts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["context", "ls"]) == 0
    assert "`fairlead lab up`" in capsys.readouterr().out
    for name in ("lab", "prod"):
        contexts.save(contexts.Context(name, f"{name}:7071", "f", "a", "c", "SECRET"))
    (contexts.config_directory() / "contexts" / "broken.json").write_text("{")
    assert main.main(["context", "use", "prod"]) == 0
    assert main.main(["context", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Context prod is the current one."
    assert [line.split()[:2] for line in lines[2:]] == [["broken", "-"], ["lab", "lab:7071"], ["*", "prod"]]
    assert main.main(["context", "show", "lab"]) == 0
    assert "SECRET" not in capsys.readouterr().out
    assert main.main(["context", "use", "none"]) == 1


def test_a_spec_is_sent_with_the_zone_files_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "a.zone").write_text("a zone")
    text = "spec: {dns: {zones: {a.internal: zones/a.zone, b.internal: missing.zone, c: 7}}}"
    (tmp_path / "cluster.yaml").write_text(text)
    monkeypatch.chdir("/")
    source = read_source(str(tmp_path / "cluster.yaml"))
    assert (source.spec_yaml, dict(source.files)) == (text, {"zones/a.zone": "a zone"})


@pytest.mark.parametrize(
    "text", ["", "[]", "spec: 7", "spec: {dns: []}", "a: [", "&a [*a]", "\x00", "!!python/object:x {}"]
)
def test_whatever_is_no_spec_is_sent_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    assert read_source(str(path)).spec_yaml == text


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_what_can_not_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "cluster.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=str(path)):
        read_source(str(path))
    with pytest.raises(Invalid):
        read_source(str(tmp_path))


def test_lengths_of_time() -> None:
    assert [duration(text) for text in ("90", "10s", "30m", "5min", "1h", "2d")] == [90, 10, 1800, 300, 3600, 172_800]
    for text in ("", "h", "-1h", "1w", "1.5h", "0", "99999999999d"):
        with pytest.raises(Invalid):
            duration(text)


def test_where_a_tunnel_listens() -> None:
    assert address("127.0.0.1:6443") == ("127.0.0.1", 6443)
    assert address(":0") == ("127.0.0.1", 0)
    assert address("[::1]:80") == ("::1", 80)
    for text in ("6443", "host:", "host:x", "host:70000", ""):
        with pytest.raises(Invalid):
            address(text)


def made(cluster: str, server: str = "https://a:6443") -> Document:
    return document(cluster, server, b"ca", b"cert", b"key")


def test_merging_keeps_others_and_replaces_ones_own() -> None:
    others = {"apiVersion": "v1", "clusters": None, "contexts": [{"name": "mine"}], "preferences": {"colors": True}}
    once = merged(others, made("lab"))
    twice = merged(once, made("lab", "https://b:6443"))
    assert [entry["name"] for entry in twice["contexts"]] == ["mine", "fairlead-lab"]
    assert [entry["cluster"]["server"] for entry in twice["clusters"]] == ["https://b:6443"]
    assert (twice["current-context"], twice["preferences"]) == ("fairlead-lab", {"colors": True})
    assert merged({}, made("lab")) == made("lab")


def test_where_a_kubeconfig_is_merged_into() -> None:
    assert default_path({"KUBECONFIG": "/a:/b"}) == Path("/a")
    assert default_path({}) == Path.home() / ".kube" / "config"


@pytest.mark.parametrize(
    "content", ["clusters: 5", "users: [x]", "contexts: {a: b}", "- a", "x: 2024-13-40", "[" * 2000, "\x00"]
)
def test_what_is_no_kubeconfig_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(Invalid, match="is not a kubeconfig; it was left as it is"):
        read(path)


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "clusters:\n"])
def test_an_empty_kubeconfig_is_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)
    assert merged(read(tmp_path / "config"), made("lab"))["contexts"] == made("lab")["contexts"]


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x80\xff", b"\xff"])
def test_a_spec_that_is_no_text_is_told(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spec").write_bytes(content)
    with pytest.raises(Invalid, match=r"spec is not text in UTF-8\."):
        read_source(str(tmp_path / "spec"))
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(content)))
    with pytest.raises(Invalid, match=r"Standard input is not text in UTF-8\."):
        read_source("-")


@pytest.mark.parametrize("content", ["a: 2024-13-40\n", "[" * 3000, "a: [\n"])
def test_a_spec_that_can_not_be_read_is_for_the_controller_to_judge(tmp_path: Path, content: str) -> None:
    (tmp_path / "spec").write_text(content)
    assert read_source(str(tmp_path / "spec")).spec_yaml == content


@pytest.mark.parametrize(
    "words",
    [
        ("docker", "ps", "-n", "99999999999"),
        ("docker", "stop", "-t", "9999999999", "x"),
        ("docker", "restart", "-t", "-2", "x"),
    ],
)
def test_a_number_that_no_message_can_hold_is_a_wrong_call(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(words) == 1
    assert "or equal to" in capsys.readouterr().err


def test_ctrl_c_at_a_question_is_no_answer_to_it() -> None:
    def ended(how: type[BaseException]) -> str:
        try:
            raise how
        except BaseException:
            raise typer.Abort from None

    assert asked(lambda: "yes", "") == "yes"
    assert asked(lambda: ended(EOFError), "nobody") == "nobody"
    with pytest.raises(KeyboardInterrupt):
        asked(lambda: ended(KeyboardInterrupt), "nobody")
