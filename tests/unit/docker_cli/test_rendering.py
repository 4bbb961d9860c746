"""Tables as Docker prints them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.api.v1 import docker_pb2
from fairlead_cli.docker import images, listing, ps
from fairlead_cli.docker.command import plain_flags
from fairlead_cli.docker.filters import filters
from fairlead_cli.docker.json_text import indented
from fairlead_cli.docker.nodes import Wanted, select, wanted
from fairlead_cli.docker.ports import ports_text
from fairlead_cli.docker.references import Reference, parse
from fairlead_cli.docker.tabwriter import aligned
from fairlead_wire.errors import Invalid, Missing

NOW = 1_767_225_600.0
ID = "57b15d62ea132046c944f5e41dd2b26d04d5569dae72387b7ea5735e958afdd4"


def port(private: int, public: int = 0, ip: str = "", protocol: str = "tcp") -> docker_pb2.DockerPort:
    return docker_pb2.DockerPort(ip=ip, public_port=public, private_port=private, protocol=protocol)


def container(**more: Any) -> docker_pb2.DockerContainer:
    return docker_pb2.DockerContainer(
        **{
            "id": ID,
            "names": ["lab-registry"],
            "image": "docker.io/library/registry:3.1.2",
            "image_id": "sha256:abc",
            "command": "registry serve /etc/distribution/config.yml",
            "created": int(NOW) - 300,
            "state": "running",
            "status": "Up 5 minutes",
            "ports": [port(5000, 32768, "127.0.0.1")],
            "mounts": ["lab-registry-data-of-a-long-name", "/srv/data"],
            "labels": {"b": "2", "a": "1"},
            **more,
        }
    )


def shown(form: str, rows: listing.Rows, columns: str = ps.COLUMNS, several: bool = False) -> str:
    return listing.Printer(listing.layout(form, columns, ps.HEADERS, several)).add(rows)


def test_the_table_of_containers() -> None:
    assert shown("", [ps.row(container(), "n", NOW, False)]) == (
        "CONTAINER ID   IMAGE            COMMAND                  CREATED         STATUS         PORTS                "
        "       NAMES\n"
        '57b15d62ea13   registry:3.1.2   "registry serve /etc…"   5 minutes ago   Up 5 minutes   127.0.0.1:32768->5000'
        "/tcp   lab-registry\n"
    )
    assert shown("table", []) == "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n"


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("{{.ID}} {{.Names}}", "57b15d62ea13 lab-registry\n"),
        ("table {{.Names}}\\t{{.State}}", "NAMES          STATE\nlab-registry   running\n"),
        ('table {{.Names}} in {{.Label "x.a"}}', "NAMES in a\nlab-registry in \n"),
        ("table {{upper .Names}}", "NAMES\nLAB-REGISTRY\n"),
        ('{{.Labels}} {{.Label "a"}} {{.Mounts}} {{.LocalVolumes}}', "a=1,b=2 1 lab-registry-d…,/srv/data 1\n"),
        ("{{json .Ports}}", '"127.0.0.1:32768->5000/tcp"\n'),
        ("{{.Size}} {{.Fairlead}}", "0B \n"),
    ],
)
def test_templates_of_containers(form: str, text: str) -> None:
    assert shown(form, [ps.row(container(), "n", NOW, False)]) == text


def test_json_of_a_container_escapes_as_dockers() -> None:
    text = shown("json", [ps.row(container(), "n", NOW, False)])
    assert '"Ports":"127.0.0.1:32768-\\u003e5000/tcp"' in text
    assert text.startswith('{"Command":"\\"registry serve /etc…\\""')


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("", "<no image>"),
        ("sha256:abc", "abc"),
        ("someone/shop@sha256:0123", "someone/shop"),
        ("shop:1@sha256:0123", "shop:1"),
        ("registry.example:5000/shop", "registry.example:5000/shop"),
    ],
)
def test_images_of_containers(image: str, short: str) -> None:
    assert ps.row(container(image=image), "n", NOW, False)["Image"] == short


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([], ""),
        ([port(80), port(443)], "80/tcp, 443/tcp"),
        ([port(443, 443, "0.0.0.0"), port(80, 8080, "0.0.0.0")], "0.0.0.0:443->443/tcp, 0.0.0.0:8080->80/tcp"),
        ([port(n, n, "0.0.0.0") for n in (8002, 8000, 8001)], "0.0.0.0:8000-8002->8000-8002/tcp"),
        ([port(80, 80, "::"), port(80, 80, "0.0.0.0")], "0.0.0.0:80->80/tcp, [::]:80->80/tcp"),
        ([port(53), port(54), port(53, protocol="udp"), port(60)], "53-54/tcp, 53/udp, 60/tcp"),
    ],
)
def test_ports(ports: list[docker_pb2.DockerPort], text: str) -> None:
    found = ports_text(ports)
    assert sorted(found.split(", ")) == sorted(text.split(", "))


def names(image: docker_pb2.DockerImage, digests: bool = False) -> list[tuple[str, str, str]]:
    rows = images.rows_of(image, "n", NOW, False, digests)
    return [(row["Repository"], row["Tag"], row["Digest"]) for row in rows]


def test_an_image_has_a_row_for_each_name() -> None:
    one, two = f"shop@sha256:{'1' * 64}", f"other@sha256:{'2' * 64}"
    image = docker_pb2.DockerImage(
        id=f"sha256:{ID}", tags=["docker.io/library/shop:1", "shop:2"], digests=[one, two], created=int(NOW)
    )
    assert names(image) == [("shop", "1", "<none>"), ("shop", "2", "<none>"), ("other", "<none>", "<none>")]
    assert names(image, digests=True) == [
        ("shop", "1", one.partition("@")[2]),
        ("shop", "2", one.partition("@")[2]),
        ("other", "<none>", two.partition("@")[2]),
    ]
    dangling = docker_pb2.DockerImage(id=f"sha256:{ID}", tags=["<none>:<none>"], digests=["<none>@<none>"])
    assert names(dangling) == names(docker_pb2.DockerImage(id=ID)) == [("<none>", "<none>", "<none>")]


def test_rows_that_come_later_stand_in_line() -> None:
    printer = listing.Printer(listing.layout("table {{.ID}}\\t{{.Names}}", "", ps.HEADERS, True))
    assert printer.add([ps.row(container(), "one", NOW, False)]) == (
        "NODE      CONTAINER ID   NAMES\none       57b15d62ea13   lab-registry\n"
    )
    assert printer.add([ps.row(container(names=["x"]), "two", NOW, False)]) == "two       57b15d62ea13   x\n"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a\tb", "a         b"),
        ("a\tb\nlonger-than-ten\tc", "a                 b\nlonger-than-ten   c"),
        ("a\t\nb\t", "a         \nb         "),
        ("long long long\tx\nbreak\na\tx", "long long long   x\nbreak\na         x"),
        ("é…\tx", "é…        x"),
    ],
)
def test_columns(text: str, columns: str) -> None:
    assert aligned(text) == columns


@given(st.text(alphabet="ab\t\n"))
def test_aligning_changes_nothing_but_tabs(text: str) -> None:
    assert aligned(text).replace(" ", "") == text.replace("\t", "")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("nginx", Reference("nginx")),
        ("docker.io/library/nginx:1", Reference("nginx", "1")),
        ("docker.io/someone/shop:1@sha256:0", Reference("someone/shop", "1", "sha256:0")),
        ("localhost:5000/shop", Reference("localhost:5000/shop")),
    ],
)
def test_references(text: str, reference: Reference) -> None:
    assert parse(text) == reference


def test_filters() -> None:
    assert filters(["status=a", "label=x=y", " Status = b"]) == [
        docker_pb2.DockerFilter(key="status", values=["a", "b"]),
        docker_pb2.DockerFilter(key="label", values=["x=y"]),
    ]
    with pytest.raises(Invalid, match="is not KEY=VALUE"):
        filters(["status"])


def test_flags_as_dockers() -> None:
    flags = {"--human": "--no-human", "-H": "--no-human", "--all": ""}
    given_ = ["-H=false", "--all=true", "--all=0", "--human", "--tail=1", "--", "--all=false"]
    assert plain_flags(given_, flags) == ["--no-human", "--all", "--human", "--tail=1", "--", "--all=false"]


def test_json_is_set_out_and_otherwise_untouched() -> None:
    text = r'{"a":[],"b":{},"c":[1.0,{"d":"x, {y}\\\""}],"e":"\u001b"}'
    assert indented(text) == (
        '{\n    "a": [],\n    "b": {},\n    "c": [\n        1.0,\n        {\n            "d": "x, {y}\\\\\\""\n'
        '        }\n    ],\n    "e": "\\u001b"\n}'
    )


class Node:
    def __init__(self, name: str) -> None:
        self.name = f"nodes/{name}"


def test_which_nodes() -> None:
    fleet: Any = [Node("b"), Node("a")]
    assert select(Wanted(all=True), fleet) == ("a", "b")
    assert select(Wanted(names=("b", "a")), fleet) == ("b", "a")
    assert select(Wanted(), fleet[:1]) == ("b",)
    assert select(Wanted(cluster="lab"), fleet) == ("a", "b")
    assert wanted(["a", "b", "a"], "", False).names == ("a", "b")
    with pytest.raises(Missing, match="There is no node 'x'"):
        select(Wanted(names=("a", "x")), fleet)
    with pytest.raises(Missing, match="The cluster lab has no nodes"):
        select(Wanted(cluster="lab"), [])
    with pytest.raises(Invalid, match="The fleet has 2 nodes"):
        select(Wanted(), fleet)
    with pytest.raises(Invalid, match="exclude each other"):
        wanted(["a"], "lab", False)
