"""Each reading command of `fairlead docker` beside the real `docker`, on the same Engine, through a real agent."""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import subprocess
import tarfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fairlead_agent.docker_calls.conversation import DockerCalls
from fairlead_agent.docker_calls.permission import Permission
from fairlead_agent.runtime.people_engine import DockerForPeople
from fairlead_testing.api_cli import Run, Said
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.connected_agent import connected
from fairlead_testing.engine_image import docker_socket, image_on_the_engine
from fairlead_wire.docker_calls import RELAY_TARGET

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180), pytest.mark.long]

SCRIPT = "echo out; echo err >&2; echo more; exec sleep 600"


def docker(*words: str) -> Said:
    """The real one."""
    done = subprocess.run(["docker", *words], capture_output=True, timeout=60, check=False)
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Alone in its repository: Docker lists images of the same second in any order."""
    name = f"beside/{secrets.token_hex(4)}:1"
    with image_on_the_engine() as reference:
        docker("tag", reference, name)
        yield name
        docker("rmi", name)


@pytest.fixture
def timeless_image() -> Iterator[str]:
    """An image that says not when it was made."""
    name = f"beside-{secrets.token_hex(4)}:1"
    layer = archive({"x": b"abc"})
    root = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": root, "history": [{"created_by": "me"}]}
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    texts = {"config.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    whole = archive({**texts, "layer.tar": layer})
    subprocess.run(["docker", "load"], input=whole, check=True, capture_output=True, timeout=60)
    yield name
    docker("rmi", name)


def archive(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return held.getvalue()


@pytest.fixture(scope="module")
def mark(image: str) -> Iterator[str]:
    """A label's value; the containers that have it: up (with ports, a volume and a variable), over, terminal."""
    mark = secrets.token_hex(4)
    volume = f"beside-{mark}-volume-of-a-long-name"
    ports = ("-p", "127.0.0.1::80", "-p", "127.0.0.1::90/udp", "--expose", "81-83")
    common = ("run", "-d", "--label", f"beside={mark}", "--label", "empty=", "--name")
    made = [
        docker(*common, f"beside-{mark}-up", *ports, "-v", f"{volume}:/data", "-e", "A=1", image, "sh", "-c", SCRIPT),
        docker(*common, f"beside-{mark}-over", "--network", "none", image, "sh", "-c", "echo 'a \"b\"'; exit 3"),
        docker(*common, f"beside-{mark}-terminal", "-t", image, "sh", "-c", SCRIPT),
    ]
    assert [one.code for one in made] == [0, 0, 0], made
    assert docker("wait", f"beside-{mark}-over").out == "3\n"
    yield mark
    docker("rm", "-fv", *(f"beside-{mark}-{name}" for name in ("up", "over", "terminal")))
    docker("volume", "rm", volume)


@pytest.fixture(autouse=True)
def fleet(beside: ThreadedServer, tmp_path: Path, mark: str) -> Iterator[None]:
    """A fleet of one node, this machine's Engine."""
    engine = DockerForPeople(f"unix://{docker_socket()}")
    calls = DockerCalls(engine, Permission("full", str(tmp_path / "policy.json")))

    async def begin() -> None:
        server = beside.server
        agent = connected(
            server.enrolment_endpoint, tmp_path / "state", token=server.token(), conversations={RELAY_TARGET: calls}
        )
        await beside.keep(agent)
        await server.event("node-connected")

    beside.do(begin())
    yield
    engine.close()


def same(fairlead: Run, *words: str) -> str:
    """Asserts that both say the same; where seconds move on meanwhile, all but those."""
    before, ours, after = docker(*words), fairlead("docker", *words), docker(*words)
    if before == after:
        assert ours == before, words
    else:
        assert timeless(ours.out) == timeless(before.out), words
    return ours.out


def timeless(text: str) -> list[list[str]]:
    """The cells of a table without the times that are told in words, which move on while one looks."""
    moving = r"\d+ (second|minute)s?|About a minute|Less than a second"
    return [re.split(r" {2,}", re.sub(moving, "N", line)) for line in text.splitlines()]


def test_ps(fairlead: Run, mark: str) -> None:
    for words in (
        (),
        ("-a",),
        ("-aq",),
        ("-a", "--no-trunc"),
        ("-as",),
        ("-f", "status=exited"),
        ("-a", "--format", "table {{.Names}}\\t{{.Mounts}}\\t{{.Networks}}\\t{{.LocalVolumes}}"),
        ("-a", "--format", '{{.Names}}|{{.State}}|{{.CreatedAt}}|{{.Label "beside"}}|{{json .Command}}|{{.Size}}'),
        ("-a", "--format", 'table {{.ID}}\\t{{upper .Names}}\\t{{.Label "beside"}}'),
        ("-a", "--no-trunc", "--format", "{{.Image}} {{.Mounts}} {{.Command}}"),
    ):
        same(fairlead, "ps", "-f", f"label=beside={mark}", *words)


def test_ps_as_json_has_what_dockers_has(fairlead: Run, mark: str) -> None:
    words = ("ps", "-a", "-f", f"label=beside={mark}", "--format", "json")
    ours = [json.loads(line) for line in fairlead("docker", *words).out.splitlines()]
    theirs = [json.loads(line) for line in docker(*words).out.splitlines()]
    for our, their in zip(ours, theirs, strict=True):
        shared = their.keys() - {"Platform", "RunningFor", "Status", "Labels"}
        assert sorted(our["Labels"].split(",")) == sorted(their["Labels"].split(",")), "docker's are in any order"
        assert {key: our[key] for key in shared} == {key: their[key] for key in shared}


def test_images(fairlead: Run, image: str) -> None:
    for words in (
        (),
        ("-q",),
        ("--no-trunc",),
        ("--digests",),
        ("--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.CreatedSince}} {{.Size}} {{.Digest}} {{.CreatedAt}}"),
        ("--format", "table {{.Tag}}\\t{{.VirtualSize}}"),
    ):
        same(fairlead, "images", *words, image)
        same(fairlead, "images", *words, image.partition(":")[0])
    before, ours, after = (
        {tuple(row) for row in timeless(call("images").out)} for call in (docker, partial(fairlead, "docker"), docker)
    )
    assert before & after <= ours <= before | after, "images come and go on this Engine"


def test_an_image_without_a_time(fairlead: Run, timeless_image: str) -> None:
    for words in ((), ("--digests",), ("--format", "{{.CreatedSince}}|{{.CreatedAt}}")):
        same(fairlead, "images", *words, timeless_image)
    for words in ((), ("-H=false",), ("--format", "{{.CreatedSince}}|{{.CreatedAt}}")):
        same(fairlead, "history", *words, timeless_image)


def test_history(fairlead: Run, image: str) -> None:
    for words in (
        (),
        ("-q",),
        ("--no-trunc",),
        ("-H=false",),
        ("--format", "{{.ID}} {{.CreatedAt}} {{json .CreatedBy}}"),
    ):
        for reference in {image, *docker("images", "-q").out.split()[:3]}:
            same(fairlead, "history", *words, reference)


def test_inspect(fairlead: Run, mark: str, image: str) -> None:
    for form in (
        "{{.Id}} {{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.Running}}",
        "{{.ID}} {{.HostConfig.Memory}} {{.RestartCount}}",
        "{{json .Config.Cmd}} {{json .NetworkSettings.Ports}}",
        "{{range $port, $to := .NetworkSettings.Ports}}{{$port}}:{{range $to}}{{.HostPort}}{{end}} {{end}}",
        '{{index .Config.Labels "beside"}} {{.Config.Labels}} {{.Config.Cmd}} {{len .Mounts}}',
        "{{range .Mounts}}{{.Source}} {{.Destination}} {{end}}{{.Config.ExposedPorts}}",
        "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}",
        '{{printf "%s-%d %q" .Name .State.Pid .Config.Image}} {{.Config.Env}} {{join .Config.Cmd " "}}',
        '{{range .Config.Env}}{{println .}}{{end}}{{(index .Config.Cmd 0) | upper}}{{"\\t"}}.',
        "{{with .HostConfig.RestartPolicy}}{{.Name}}{{end}} {{eq .State.Status `running`}} {{.Created}}",
        "{{json .Mounts}} {{json .Config.ExposedPorts}} {{json .Config.Entrypoint}} {{.Config.Entrypoint}}",
    ):
        for name in ("up", "over"):
            same(fairlead, "inspect", "-f", form, f"beside-{mark}-{name}")
    same(fairlead, "inspect", f"beside-{mark}-up", f"beside-{mark}-over")
    same(fairlead, "inspect", image)
    same(fairlead, "inspect", "--type", "image", "-f", "{{.Id}} {{.RepoTags}} {{.Size}} {{.Os}}/{{.Author}}", image)


def test_logs(fairlead: Run, mark: str) -> None:
    for name in ("up", "terminal", "over"):
        for words in ((), ("--tail", "1"), ("-n", "0"), ("-t",), ("--since", "1h"), ("--until", "2000-01-01")):
            same(fairlead, "logs", *words, f"beside-{mark}-{name}")


def test_stats(fairlead: Run, mark: str) -> None:
    words = ("stats", "--no-stream", f"beside-{mark}-up", f"beside-{mark}-terminal")

    def shape(text: str) -> list[list[str]]:
        """Headers, names and counts of processes; of what is measured only that it is."""
        found = []
        for line in text.splitlines():
            cells = re.split(r" {3,}", line)
            found.append([re.sub(r"\d+(\.\d+)?([kKMGi]*B|%)", "N", cell) for cell in cells])
        return sorted(found)

    assert shape(fairlead("docker", *words).out) == shape(docker(*words).out)


def test_events(fairlead: Run, mark: str) -> None:
    since = str(int(time.time()))
    docker("stop", "-t", "0", f"beside-{mark}-terminal")
    docker("start", f"beside-{mark}-terminal")
    span = ("--since", since, "--until", str(int(time.time()) + 1), "-f", f"container=beside-{mark}-terminal")
    assert same(fairlead, "events", *span).count("\n") >= 4
    for form in ("{{json .}}", "json", "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Time}}"):
        same(fairlead, "events", *span, "--format", form)


def test_what_docker_refuses_is_refused(fairlead: Run) -> None:
    for words in (
        ("inspect", "beside-none"),
        ("logs", "beside-none"),
        ("history", "beside-none"),
        ("stats", "--no-stream", "beside-none"),
        ("ps", "-a", "--format", "{{.None}}"),
        ("ps", "-f", "none=1"),
        ("inspect", "-f", "{{.None", "beside-none"),
    ):
        ours = fairlead("docker", *words)
        assert (ours.code, docker(*words).code > 0) == (1, True), words
        assert re.fullmatch(r"Error: .+\n  → .+\n", ours.err), ours.err
