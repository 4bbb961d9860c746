"""What the lab says to Kubernetes, and what it reads from it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from fairlead_cli.lab import machine, walk
from fairlead_cli.lab.cluster import names_of_ready
from fairlead_cli.lab.kubectl import minor_of
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError
from fairlead_cli.lab.spec import SPEC, kubernetes_minor, spec_for

UPSTREAM = """\
server {
    listen       80;
    server_name  localhost;

    #access_log  /var/log/nginx/host.access.log  main;

    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }
}
"""


def node(name: str, **conditions: str) -> dict[str, object]:
    told = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {"metadata": {"name": name}, "status": {"conditions": told}}


def test_only_nodes_that_are_ready_count() -> None:
    nodes = [node("a", Ready="True"), node("b", Ready="False"), node("c", MemoryPressure="True"), node("d")]
    assert names_of_ready(json.dumps({"items": nodes})) == {"a"}


def test_a_lab_of_another_name_gets_a_cluster_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    copy = spec_for(Lab("spare"))
    spec = yaml.safe_load(copy.read_text())
    assert spec["metadata"]["name"] == "spare"
    assert all((copy.parent / zone).is_file() for zone in spec["spec"]["dns"]["zones"].values())


def test_the_lab_itself_uses_the_spec_of_the_checkout() -> None:
    spec = yaml.safe_load(spec_for(Lab()).read_text())
    assert spec["metadata"]["name"] == "lab"
    assert spec["spec"]["kubernetes"] == "v1.37.2"


def test_the_version_of_the_cluster_is_read_from_its_spec() -> None:
    assert kubernetes_minor(SPEC.read_text()) == 37


@pytest.mark.parametrize(
    ("told", "minor"),
    [('{"clientVersion": {"minor": "32"}}', 32), ('{"clientVersion": {"minor": "37+"}}', 37), ("{}", -1)],
)
def test_the_version_of_a_kubectl_is_read_from_what_it_prints(told: str, minor: int) -> None:
    assert minor_of(told) == minor


def test_the_pod_is_as_a_user_would_write_it() -> None:
    pod = yaml.safe_load(walk.MANIFEST.read_text())
    assert pod["metadata"]["name"] == walk.POD
    assert [container["image"] for container in pod["spec"]["containers"]] == ["nginx"]


@pytest.mark.parametrize("ours", [True, False])
def test_the_walk_edits_our_configuration_and_the_upstream_one(tmp_path: Path, ours: bool) -> None:
    conf = tmp_path / "default.conf"
    recipe = machine.CHECKOUT / "deploy" / "images" / "nginx" / "default.conf"
    conf.write_text(recipe.read_text() if ours else UPSTREAM)
    lines = walk.SCRIPT.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("sed"))
    edit = "\n".join(lines[first : first + 2]).replace("/etc/nginx/conf.d/default.conf", str(conf))
    subprocess.run(["sh", "-c", edit], check=True, timeout=10)
    assert conf.read_text().count('location = /edited { return 200 "edited by hand\\n"; }') == 1
    assert conf.read_text().count("    location / {") == 1


def test_the_walk_fails_when_the_edit_is_not_seen() -> None:
    walk.see_pages("<h1>Welcome to nginx!</h1>\nedited by hand\n")
    with pytest.raises(LabError, match="edited by hand"):
        walk.see_pages("<h1>Welcome to nginx!</h1>")
