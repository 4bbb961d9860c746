"""Each changing command of `fairlead docker` beside the real `docker`, on the same Engine, through a real agent."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_testing.api_cli import Said
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.engine_fleet import engine_fleet, real_docker
from fairlead_testing.engine_image import image_on_the_engine
from fairlead_testing.typed_terminal import terminal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180), pytest.mark.long]

FAIRLEAD = str(Path(sys.executable).parent / "fairlead")
HOST = (
    "Binds",
    "CapAdd",
    "Init",
    "Memory",
    "NanoCpus",
    "NetworkMode",
    "PidMode",
    "PortBindings",
    "Privileged",
    "ReadonlyRootfs",
    "RestartPolicy",
)
LASTING = "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done"


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with image_on_the_engine() as reference:
        yield reference


@pytest.fixture
def mark() -> Iterator[str]:
    """How names of what a test makes begin; all of it is removed at the end."""
    mark = f"beside-{secrets.token_hex(4)}"
    yield mark
    real_docker("rm", "-fv", *real_docker("ps", "-aqf", f"name=^{mark}").out.split())
    named = real_docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{mark}*").out.split()
    real_docker("rmi", "-f", *named, *real_docker("images", "-q", "-f", f"label=mark={mark}").out.split())


@pytest.fixture(autouse=True)
def fleet(beside: ThreadedServer, tmp_path: Path) -> Iterator[None]:
    with engine_fleet(beside, tmp_path / "state"):
        yield


def ours(*words: str, stdin: bytes = b"", cwd: Path | None = None) -> Said:
    """The same of ours, in a process of its own."""
    done = subprocess.run(
        [FAIRLEAD, "docker", *words], input=stdin, capture_output=True, timeout=90, check=False, cwd=cwd
    )
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def both(*words: str, stdin: bytes = b"", cwd: Path | None = None) -> tuple[Said, Said]:
    return ours(*words, stdin=stdin, cwd=cwd), real_docker(*words, stdin=stdin, cwd=cwd)


@pytest.mark.parametrize(
    "words",
    [
        ("IMAGE", "sh", "-c", "echo out; echo err >&2; exit 7"),
        ("-t", "IMAGE", "sh", "-c", "echo out; echo err >&2"),
        (
            "-e",
            "A=b c",
            "-e",
            "HOME",
            "-w",
            "/bin",
            "-h",
            "box",
            "IMAGE",
            "sh",
            "-c",
            "echo $A $HOME $PWD; read h </etc/hostname; echo $h",
        ),
        ("-i", "IMAGE", "cat"),
        ("-i", "IMAGE", "sh", "-c", "read line; echo $line; exec sleep 0"),
        ("--entrypoint", "cat", "IMAGE", "/etc/hosts.none"),
        ("--entrypoint", "", "IMAGE", "sh", "-c", "echo none"),
        ("--network", "none", "--read-only", "-u", "5:6", "IMAGE", "sh", "-c", "echo x >/x"),
        ("--add-host", "there:192.0.2.7", "IMAGE", "cat", "/etc/hosts.deny", "/proc/1/comm"),
        ("--init", "-m", "64m", "--cpus", "0.5", "--cap-drop", "ALL", "IMAGE", "sh", "-c", "kill -9 $$"),
        ("IMAGE", "nosuch"),
        ("IMAGE", "/etc"),
        ("-v", "/nowhere:relative", "IMAGE", "cat"),
    ],
)
def test_run(image: str, words: tuple[str, ...]) -> None:
    mine, docker = both(
        "run", "--rm", *(image if word == "IMAGE" else word for word in words), stdin=b"a line\nanother\n"
    )
    assert (mine.code, mine.out) == (docker.code, docker.out)
    if docker.code < 125:
        assert mine.err == docker.err


def test_a_container_as_docker_makes_it(image: str, mark: str) -> None:
    flags = "-dit --restart on-failure:3 -p 127.0.0.1::80 -p 127.0.0.1::53/udp -l a=b -e X=1 -v /data -v /etc:/there:ro"
    more = "-w /w -u 1 --cap-add NET_ADMIN --stop-signal INT --hostname box --pid host -m 64m --cpus 0.5 --init"
    found = []
    for name, call in ((f"{mark}-a", ours), (f"{mark}-b", real_docker)):
        made = call("run", *flags.split(), *more.split(), "--name", name, image, "sh", "-c", LASTING)
        assert made.code == 0, made.err
        assert re.fullmatch(r"[0-9a-f]{64}\n", made.out)
        [looked] = json.loads(real_docker("inspect", name).out)
        host = {key: looked["HostConfig"][key] for key in HOST}
        found.append((looked["Config"], host))
    assert found[0] == found[1]


def test_from_start_to_rm(image: str, mark: str) -> None:
    for name, call in ((f"{mark}-a", ours), (f"{mark}-b", real_docker)):
        said = [
            call("run", "-d", "--name", name, image, "sh", "-c", LASTING).code,
            call("stop", name, f"{mark}-none"),
            real_docker("wait", name).out,
            call("start", name),
            call("restart", "-t", "1", name),
            call("rm", name).code,
            call("rm", "-f", name),
            call("rm", name).code,
            call("start", name).code,
        ]
        told = [(each.code, each.out) if isinstance(each, Said) else each for each in said]
        assert told == [0, (1, f"{name}\n"), "9\n", (0, f"{name}\n"), (0, f"{name}\n"), 1, (0, f"{name}\n"), 1, 1]


def test_start_attached(image: str, mark: str) -> None:
    for name, call in ((f"{mark}-a", ours), (f"{mark}-b", real_docker)):
        call("run", "-i", "--name", name, image, "sh", "-c", "read a; echo got $a; exit 4", stdin=b"one\n")
        again = call("start", "-ai", name, stdin=b"two\n")
        assert (again.code, again.out) == (4, "got two\n")
        assert call("attach", name).code == 1


def test_exec(image: str, mark: str) -> None:
    real_docker("run", "-d", "--name", mark, image, "sh", "-c", LASTING)
    for words, stdin in (
        (("sh", "-c", "echo out; echo err >&2; exit 3"), b""),
        (("nosuch",), b""),
        (("/etc",), b""),
        (("cat", "/nosuch"), b""),
    ):
        mine, docker = both("exec", mark, *words, stdin=stdin)
        assert (mine.code, mine.out) == (docker.code, docker.out), (words, mine, docker)
    big = os.urandom(3_000_000)
    done = subprocess.run(
        [FAIRLEAD, "docker", "exec", "-i", mark, "cat"], input=big, capture_output=True, timeout=90, check=False
    )
    assert (done.returncode, done.stdout == big) == (0, True)
    early = both("exec", "-i", mark, "sh", "-c", "read a; echo $a; exit 6", stdin=b"first\n" + big)
    assert [(each.code, each.out) for each in early] == [(6, "first\n")] * 2
    mine, docker = both(
        "exec", "-e", "A=1", "-w", "/bin", "-u", "7:8", mark, "sh", "-c", "echo $A $PWD; cat /proc/self/status"
    )
    uids = [re.findall(r"^[UG]id:.*$", each.out, re.MULTILINE) for each in (mine, docker)]
    assert uids[0] == uids[1] != []
    assert both("exec", "-d", mark, "sh", "-c", "echo x >/made")[0] == Said(0, "", "")
    assert ours("exec", "--force", mark, "cat", "/made").out == "x\n"


def test_commit_and_tag(image: str, mark: str) -> None:
    real_docker("run", "--name", mark, image, "sh", "-c", "echo changed >/file")
    found = []
    for name, call in ((f"{mark}-a", ours), (f"{mark}-b", real_docker)):
        made = call(
            "commit", "-m", "why", "-a", "anna", "-c", "ENV A=1", "-c", 'CMD ["cat", "/file"]', "-p=false", mark, name
        )
        assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", made.out), made.err
        assert call("tag", name, f"{name}:good") == Said(0, "", "")
        assert call("tag", f"{mark}-none", "x").code == 1
        assert call("run", "--rm", f"{name}:good").out == "changed\n"
        found.append(real_docker("inspect", "-f", "{{.Comment}} {{.Author}} {{.Config.Env}} {{.Config.Cmd}}", name).out)
    assert found[0] == found[1]


DOCKERFILE = """\
FROM IMAGE AS first
LABEL mark=MARK
ARG WHAT=nothing
RUN echo "building $WHAT" && echo $WHAT >/what
COPY . /files/
FROM first
LABEL made=here
CMD ["cat", "/what"]
"""


def steps(text: str) -> list[str]:
    """What a build says, without the identifiers of this one."""
    lines = [re.sub(r"\b[0-9a-f]{12}\b", "ID", line) for line in text.splitlines()]
    return [line for line in lines if line and "Using cache" not in line]


def test_build(image: str, mark: str, tmp_path: Path) -> None:
    root = tmp_path / "context"
    (root / "sub").mkdir(parents=True)
    (root / "Dockerfile").write_text(DOCKERFILE.replace("IMAGE", image).replace("MARK", mark))
    (root / ".dockerignore").write_text("ignored\nDockerfile\n")
    for name in ("ignored", "kept", "sub/also"):
        (root / name).write_text(name)
    words = ("--build-arg", "WHAT=it", "--label", "a=b", "--no-cache")
    mine = ours("build", "-t", f"{mark}-a", "-t", f"{mark}-c", *words, ".", cwd=root)
    docker = real_docker("build", "-t", f"{mark}-b", "-t", f"{mark}-d", *words, ".", cwd=root)
    assert (mine.code, docker.code) == (0, 0), mine.err
    assert steps(mine.out.replace(f"{mark}-a", "A").replace(f"{mark}-c", "C")) == steps(
        docker.out.replace(f"{mark}-b", "A").replace(f"{mark}-d", "C")
    )
    for name in (f"{mark}-a", f"{mark}-c"):
        assert ours("run", "--rm", name).out == "it\n"
    listing = ("run", "--rm", f"{mark}-a", "sh", "-c", "cd /files; echo *; echo sub/*")
    assert (
        real_docker(*listing).out
        == real_docker(*(each.replace(f"{mark}-a", f"{mark}-b") for each in listing)).out
        == "kept sub\nsub/also\n"
    )
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", ours("build", "-q", str(root)).out)
    assert ours("build", "--target", "first", "-q", str(root)).code == 0


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM IMAGE\nLABEL mark=MARK\nRUN exit 5\n",
        "FROM IMAGE\nNOTHING x\n",
        "FROM IMAGE\nLABEL mark=MARK\nCOPY none /\n",
        "RUN x\n",
        "",
    ],
)
def test_a_build_that_fails(image: str, mark: str, tmp_path: Path, dockerfile: str) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile.replace("IMAGE", image).replace("MARK", mark))
    mine, docker = ours("build", "-q", str(tmp_path)), real_docker("build", "-q", "--force-rm", str(tmp_path))
    assert docker.code != 0
    assert mine.code == 1
    assert docker.err.strip().splitlines()[-1].removeprefix("Error response from daemon: ")[1:30] in mine.err


def test_a_dockerfile_on_standard_input(image: str, mark: str) -> None:
    made = ours("build", "-t", f"{mark}-a", "-", stdin=f"FROM {image}\nCMD echo here\n".encode())
    assert made.code == 0, made.err
    assert ours("run", "--rm", f"{mark}-a").out == "here\n"


def test_a_terminal(image: str, mark: str) -> None:
    with terminal(FAIRLEAD, "docker", "run", "-it", "--name", mark, image, "sh", rows=33, columns=99) as person:
        person.sees(b"# ")
        person.types(b"sleep 100\r")
        person.sees(b"sleep 100\r\n")
        person.types(b"\x03")
        person.sees(b"# ")
        person.types(b"echo st$((1+1))ll\r")
        person.sees(b"st2ll\r\n# ")
        person.types(b"\x10\x11")
        assert person.ends() == (0, b"")
    with terminal(FAIRLEAD, "docker", "attach", mark) as person:
        person.types(b"echo ag$((1+1))in\r")
        person.sees(b"ag2in\r\n")
        person.types(b"exit 5\r")
        assert person.ends()[0] == 5
    real_docker("start", mark)
    with terminal(FAIRLEAD, "docker", "exec", "-it", mark, "sh") as person:
        person.sees(b"# ")
        person.types(b"echo $TERM; exit 6\r")
        person.sees(b"xterm\r\n")
        assert person.ends()[0] == 6
    with terminal(FAIRLEAD, "docker", "exec", "-it", mark, "sh") as person:
        person.sees(b"# ")
        person.types(b"\x10\x11")
        assert person.ends() == (1, b"read escape sequence\r\n")


def test_ctrl_c_without_a_terminal(image: str, mark: str) -> None:
    with terminal(FAIRLEAD, "docker", "run", "--name", mark, image, "sh", "-c", LASTING) as person:
        person.sees(b"up\r\n")
        person.types(b"\x03")
        assert person.ends()[0] == 9
    assert real_docker("inspect", "-f", "{{.State.Status}}", mark).out == "exited\n"


def test_an_image_that_is_nowhere(mark: str) -> None:
    mine, docker = both("run", f"{mark}-none")
    assert mine.code == docker.code == 125
    assert (
        mine.err.splitlines()[0] == docker.err.splitlines()[0] == f"Unable to find image '{mark}-none:latest' locally"
    )
    assert ours("pull", f"{mark}-none").code == 1
