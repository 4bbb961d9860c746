"""Clusters by CLI: from a token to a kubeconfig, what is refused, what is deleted."""

from __future__ import annotations

import json
import re
import stat
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fairlead_testing.api_cli import SPEC, Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.fake_agent import everything_well
from fairlead_wire.assignment import Assignment, Observation
from fairlead_wire.task import TaskState


def test_the_way_from_a_token_to_a_kubeconfig(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    pasted = fairlead("token", "create", "--cluster", "lab")
    assert pasted.code == 0
    assert "docker pull fairlead/agent:0.1.0" in pasted.out
    assert f"run --controller {beside.server.enrolment_endpoint}" in pasted.out
    beside.agent("lab-1")

    planned = fairlead("plan", "-f", "cluster.yaml")
    assert planned.code == 2
    assert planned.out.startswith("Plan for cluster lab (new)\n\n  lab-1\n    + node joins the cluster\n")
    line = planned.out.rstrip().splitlines()[-1].strip()
    assert re.fullmatch(r"fairlead apply -f cluster\.yaml --pin 0-[0-9a-f]{8}", line)

    applied = fairlead(*line.split()[1:])
    assert applied.code == 0, applied
    assert "Cluster lab: revision 1 is accepted.\n" in applied.out
    assert re.search(r"lab-1  etcd  healthy", applied.out)
    assert re.search(r"==> Cluster lab is ready after [\d.]+ (s|min)\.\n", applied.out)
    assert "\n  fairlead kubeconfig lab --out lab.kubeconfig\n" in applied.out

    assert fairlead("kubeconfig", "lab", "--out", "lab.kubeconfig").code == 0
    assert stat.S_IMODE(Path("lab.kubeconfig").stat().st_mode) == 0o600


def test_applying_twice_changes_nothing(fairlead: Run, cluster: str) -> None:
    again = fairlead("apply", "-f", "cluster.yaml")
    assert (again.code, again.out) == (0, "Nothing to do: cluster lab is as its spec says (revision 1).\n")
    planned = fairlead("plan", "-f", "cluster.yaml")
    assert (planned.code, planned.out) == (0, "Nothing to do: cluster lab is as cluster.yaml says (revision 1).\n")


def test_a_plan_for_programs(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    beside.agent("lab-1")
    planned = fairlead("plan", "-f", str(spec), "-o", "json")
    found = json.loads(planned.out)
    assert planned.code == 2
    assert found["cluster"] == "clusters/lab"
    assert found["moves"][0]["action"] == "claim"
    assert found["pin"].startswith("0-")


def test_a_refused_pin_names_both(fairlead: Run, cluster: str) -> None:
    refused = fairlead("apply", "-f", "cluster.yaml", "--pin", "0-00000000")
    assert refused.code == 1
    assert re.fullmatch(
        r"Error: The plan is another one than you saw: you pinned 0-00000000, now it is 1-[0-9a-f]{8}; "
        r"nothing was changed\.\n  → Run `fairlead plan` again and apply what it shows\.\n",
        refused.err,
    )


def test_not_waiting(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    beside.agent("lab-1")
    applied = fairlead("apply", "-f", "cluster.yaml", "--no-wait")
    assert applied.code == 0
    assert "follow it with `fairlead apply -f cluster.yaml`" in applied.out
    assert fairlead("apply", "-f", "cluster.yaml").code == 0


def test_too_few_nodes(fairlead: Run, spec: Path) -> None:
    applied = fairlead("apply", "-f", "cluster.yaml")
    assert applied.code == 1
    lines = applied.err.splitlines()
    assert lines[0] == "Error: Cluster lab can't be carried by the nodes that there are; nothing was changed."
    assert lines[-1].startswith("  → See `fairlead node ls`")
    assert len(lines) > 2


def test_all_problems_of_a_spec_with_their_lines(fairlead: Run, spec: Path) -> None:
    spec.write_text(SPEC.replace("v1.37.2", "v9.9.9") + "  netwrk: {}\n")
    Path("zones/example.internal.zone").unlink()
    said = fairlead("cluster", "validate", "-f", "cluster.yaml")
    assert said.code == 1
    problems = [line for line in said.err.splitlines() if line.startswith("  cluster.yaml:")]
    assert [line.split()[0] for line in problems] == ["cluster.yaml:5", "cluster.yaml:6", "cluster.yaml:7"]
    assert "Traceback" not in said.err


def test_a_valid_spec(fairlead: Run, spec: Path) -> None:
    assert fairlead("cluster", "validate", "-f", "cluster.yaml").out == "cluster.yaml is valid: cluster lab.\n"
    effective = yaml.safe_load(fairlead("cluster", "validate", "-f", "cluster.yaml", "--effective").out)
    assert effective["spec"]["network"]["domain"] == "cluster.local"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "cluster.yaml"),
        ("a: [", "cluster.yaml:"),
        ("- a\n- b\n", "cluster.yaml"),
        ("kind: Cluster\nkind: Cluster\n", "cluster.yaml:2"),
        ("apiVersion: v1\nkind: Pod\n", "cluster.yaml:1"),
        ("\x00", "cluster.yaml"),
    ],
)
def test_what_is_no_spec_at_all(fairlead: Run, spec: Path, text: str, expected: str) -> None:
    spec.write_text(text)
    for command in (("plan",), ("apply",), ("cluster", "validate")):
        said = fairlead(*command, "-f", "cluster.yaml")
        assert said.code == 1
        assert said.err.startswith("Error: ")
        assert f"\n  {expected}" in said.err
        assert "Traceback" not in said.err


def test_a_spec_that_is_not_there(fairlead: Run) -> None:
    said = fairlead("plan", "-f", "nowhere.yaml")
    assert (said.code, said.err) == (
        1,
        "Error: There is no file nowhere.yaml.\n  → Give the path of a cluster spec with -f FILE.\n",
    )


def test_looking_at_a_cluster(fairlead: Run, cluster: str) -> None:
    listed = fairlead("cluster", "ls").out.splitlines()
    assert listed[0].split() == ["NAME", "STATE", "VERSION", "REVISION", "NODES", "COMPONENTS", "ENDPOINT"]
    assert re.fullmatch(r"lab +ready +v1\.37\.2 +1 +1 +\d+/\d+ healthy +https://192\.0\.2\.11:6443", listed[1])
    shown = fairlead("cluster", "show", "lab").out
    assert re.search(r"^lab-1 +etcd +healthy +0 +\S*etcd\S* +-$", shown, re.MULTILINE)
    assert fairlead("cluster", "show", "lab", "--spec").out.strip() == SPEC.strip()
    found = json.loads(fairlead("cluster", "ls", "-o", "json").out)
    assert [(one["name"], one["state"], one["revision"]) for one in found] == [("clusters/lab", "ready", 1)]
    assert json.loads(fairlead("cluster", "show", "lab", "-o", "json").out) == found[0]


def test_a_kubeconfig(fairlead: Run, cluster: str) -> None:
    printed = fairlead("kubeconfig", "lab")
    found = yaml.safe_load(printed.out)
    assert found["current-context"] == "fairlead-lab"
    assert found["clusters"][0]["cluster"]["server"] == "https://192.0.2.11:6443"
    user = found["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(b64decode(user["client-certificate-data"]))
    key = load_pem_private_key(b64decode(user["client-key-data"]), None)
    assert certificate.public_key() == key.public_key()
    authority = b64decode(found["clusters"][0]["cluster"]["certificate-authority-data"])
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))


def test_merging_a_kubeconfig(fairlead: Run, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kube" / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    for _ in range(2):
        assert fairlead("kubeconfig", "lab", "--merge").code == 0
    assert [entry["name"] for entry in yaml.safe_load(path.read_text())["contexts"]] == ["fairlead-lab"]
    path.write_text("[no kubeconfig]")
    said = fairlead("kubeconfig", "lab", "--merge")
    assert said.code == 1
    assert path.read_text() == "[no kubeconfig]"


def test_deleting_asks_for_the_name(fairlead: Run, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = fairlead("cluster", "delete", "lab", "--yes", "other")
    assert refused.code == 1
    assert refused.err.startswith("Error: 'other' is not 'lab': nothing was deleted.\n")
    assert fairlead("cluster", "show", "lab").code == 0
    deleted = fairlead("cluster", "delete", "lab", "--yes", "lab")
    assert deleted.code == 0, deleted
    assert re.search(r"==> Cluster lab is deleted after ", deleted.out)
    assert "etcd's data stays in /var/lib/etcd/data on lab-1; remove it there when you are sure.\n" in deleted.out
    assert fairlead("cluster", "show", "lab").code == 1


def test_deleting_with_the_data(fairlead: Run, cluster: str) -> None:
    deleted = fairlead("cluster", "delete", "lab", "--yes", "lab", "--destroy-data")
    assert deleted.code == 0
    assert "stays" not in deleted.out


def test_deleting_with_nobody_to_ask(fairlead: Run, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(""))
    said = fairlead("cluster", "delete", "lab")
    assert said.code == 1
    assert "nothing was deleted" in said.err
    monkeypatch.setattr("sys.stdin", StringIO("lab\n"))
    assert fairlead("cluster", "delete", "lab").code == 0


def test_a_change_that_fails_says_why_and_how_to_go_on(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    def etcd_breaks(assignment: Assignment) -> Iterable[Observation]:
        for seen in everything_well(assignment):
            if seen.name == "etcd":
                yield replace(seen, state=TaskState.FAILED, message="exited with 1: unknown flag --nope")
            else:
                yield seen

    beside.agent("lab-1", report=etcd_breaks)
    applied = fairlead("apply", "-f", "cluster.yaml")
    assert applied.code == 1
    assert "etcd  failed: exited with 1: unknown flag --nope\n" in applied.out
    assert "unknown flag --nope" in applied.err.splitlines()[0]
    next_step = "Correct what it says; `fairlead apply -f cluster.yaml` goes on from here."
    assert applied.err.splitlines()[-1] == f"  → {next_step}"
    assert "etcd is failed: exited with 1" in fairlead("status").out


def test_the_context_stays_in_what_is_to_be_typed_next(beside: ThreadedServer, fairlead: Run, spec: Path) -> None:
    beside.agent("lab-1")
    planned = fairlead("--context", "test", "plan", "-f", "cluster.yaml")
    assert (
        planned.out.rstrip().splitlines()[-1].strip().startswith("fairlead --context test apply -f cluster.yaml --pin")
    )
