"""What people read: golden texts."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from fairlead.api.v1 import clusters_pb2, nodes_pb2, operations_pb2
from fairlead_cli.render.console import paint
from fairlead_cli.render.errors import error_text
from fairlead_cli.render.plain import plain
from fairlead_cli.render.plans import plan_text
from fairlead_cli.render.progress import LiveDisplay, PlainDisplay, folded
from fairlead_cli.render.tables import pairs, table
from fairlead_cli.render.words import ahead, enum_word, iso_time, size, span
from fairlead_wire.errors import Invalid, Problem

CLAIM, PLACE, REPLACE, REMOVE, CONFIGURE = (
    clusters_pb2.MOVE_ACTION_CLAIM,
    clusters_pb2.MOVE_ACTION_PLACE,
    clusters_pb2.MOVE_ACTION_REPLACE,
    clusters_pb2.MOVE_ACTION_REMOVE,
    clusters_pb2.MOVE_ACTION_CONFIGURE,
)

PLAN = """\
Plan for cluster lab (now revision 3)

  lab-1
    ~ kube-apiserver  (outage)
        ~ image registry.k8s.io/kube-apiserver:v1.37.2 → registry.k8s.io/kube-apiserver:v1.37.3
        + argument --audit-log-maxage=30
    - flannel
    ~ files, certificates and objects
        + file /etc/a

  lab-2
    + node joins the cluster
    + etcd  image registry.k8s.io/etcd:3.7.3
        waits for kube-apiserver on lab-1 to be healthy

1 to join, 1 to add, 1 to configure, 1 to replace, 1 to remove. The apiserver is away for some seconds meanwhile; \
pods go on running.

To carry out exactly this:

  fairlead apply -f 'my cluster.yaml' --pin 3-1f9ac2e0"""


def move(action: clusters_pb2.MoveAction.ValueType, node: str, component: str = "", *details: str) -> clusters_pb2.Move:
    return clusters_pb2.Move(action=action, node=node, component=component, details=details)


def test_a_plan() -> None:
    image = "~ image registry.k8s.io/kube-apiserver:v1.37.2 → registry.k8s.io/kube-apiserver:v1.37.3"
    apiserver = move(REPLACE, "lab-1", "kube-apiserver", image, "+ argument --audit-log-maxage=30")
    apiserver.outage = True
    etcd = move(PLACE, "lab-2", "etcd", "+ image registry.k8s.io/etcd:3.7.3")
    etcd.waits_for = "waits for kube-apiserver on lab-1 to be healthy"
    moves = [
        apiserver,
        move(CLAIM, "lab-2"),
        etcd,
        move(REMOVE, "lab-1", "flannel"),
        move(CONFIGURE, "lab-1", "", "+ file /etc/a"),
    ]
    plan = clusters_pb2.PlanClusterResponse(cluster="clusters/lab", base_revision=3, moves=moves, pin="3-1f9ac2e0")
    assert plan_text(plan, "my cluster.yaml") == PLAN


def test_long_lists_in_a_plan_are_cut() -> None:
    files = [f"+ file /etc/{number}" for number in range(20)]
    plan = clusters_pb2.PlanClusterResponse(cluster="clusters/lab", moves=[move(CONFIGURE, "lab-1", "", *files)])
    assert "        … and 8 more (-o json shows all)" in plan_text(plan, "f").splitlines()


def test_a_plan_without_moves() -> None:
    plan = clusters_pb2.PlanClusterResponse(cluster="clusters/lab", base_revision=2, pin="2-00000000")
    assert plan_text(plan, "c.yaml") == "Nothing to do: cluster lab is as c.yaml says (revision 2)."


def test_an_error_with_problems() -> None:
    error = Invalid(
        "c.yaml has 2 problems.", "Correct them.", [Problem("c.yaml:3 spec.a", "is x; write y"), Problem("", "z")]
    )
    assert (
        error_text(error) == "Error: c.yaml has 2 problems.\n  c.yaml:3 spec.a: is x; write y\n  z\n  → Correct them."
    )


def test_a_table() -> None:
    assert table(("NAME", "STATE"), [("lab-1", "reachable"), ("a", "")]) == ("NAME   STATE\nlab-1  reachable\na      -")
    assert pairs([("Node", "lab-1"), ("Cluster", ""), ("State", "ready")]) == "Node:   lab-1\nState:  ready"


def test_colours_only_on_a_terminal_and_never_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paint("ready", "green") == "ready"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint("ready", "green") == "\x1b[32mready\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("ready", "green") == "ready"


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0, "0.0 s"), (8.44, "8.4 s"), (12.9, "12 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"), (90_000, "1 d")],
)
def test_durations(duration: float, text: str) -> None:
    assert span(duration) == text


@given(st.floats(0, 1e10))
def test_every_duration_has_a_text(duration: float) -> None:
    assert span(duration).split()[1] in ("s", "min", "h", "d")


def test_times_and_sizes() -> None:
    assert ahead(Timestamp(seconds=1000), 700) == "in 5 min"
    assert ahead(Timestamp(seconds=1000), 1005) == "ended 5.0 s ago"
    assert iso_time(Timestamp(seconds=1_800_000_000, nanos=250_000_000)) == "2027-01-15T08:00:00.250Z"
    assert (iso_time(Timestamp()), size(0), size(512 * 2**20), size(3 * 2**30)) == (None, "", "512 MiB", "3.0 GiB")
    assert (size(1), size(1536), size(20_480)) == ("1 KiB", "2 KiB", "20 KiB")


def test_messages_for_programs_have_every_field_and_words_for_states() -> None:
    found = plain(nodes_pb2.Node(name="nodes/a", state=nodes_pb2.NODE_STATE_REACHABLE, labels={"disk": "ssd"}))
    assert found["state"] == "reachable"
    assert found["labels"] == {"disk": "ssd"}
    assert found["create_time"] is None
    assert found.keys() == {field.name for field in nodes_pb2.Node.DESCRIPTOR.fields}
    assert enum_word("MOVE_ACTION_PLACE", "MoveAction") == "place"


def operation(*steps: tuple[str, str, str]) -> operations_pb2.Operation:
    listed = [
        operations_pb2.Step(node="lab-1", component=name, state=state, message=said) for name, state, said in steps
    ]
    return operations_pb2.Operation(create_time=Timestamp(seconds=100), steps=listed)


def test_progress_in_a_log_tells_each_change_once() -> None:
    lines: list[str] = []
    with PlainDisplay(lambda: 103.25, lines.append) as display:
        display.show(operation(("etcd", "starting", ""), ("kubelet", "waiting", "waits for etcd on lab-1")))
        display.show(operation(("etcd", "starting", ""), ("kubelet", "waiting", "waits for something else")))
        display.show(operation(("etcd", "failed", "exited with 1"), ("kubelet", "starting", "")))
    assert lines == [
        "  3.2 s  lab-1  etcd  starting",
        "  3.2 s  lab-1  kubelet  waiting for etcd on lab-1",
        "  3.2 s  lab-1  etcd  failed: exited with 1",
        "  3.2 s  lab-1  kubelet  starting",
    ]


def test_progress_on_a_terminal_ends_with_the_last_state(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveDisplay(lambda: 103.0) as display:
        display.show(operation(("etcd", "starting", "")))
        display.show(operation(("etcd", "healthy", ""), ("kubelet", "failed", "exited with 1")))
    last = capsys.readouterr().out.rstrip().splitlines()[-2:]
    assert [" ".join(line.split()) for line in last] == [
        "✓ lab-1 etcd healthy",
        "✗ lab-1 kubelet failed exited with 1",
    ]


def test_a_fleet_longer_than_the_screen_shows_what_is_not_done() -> None:
    states = {"a": ("healthy", "completed"), "b": ("healthy", "starting"), "c": ("failed", "waiting")}
    steps = [
        operations_pb2.Step(node=node, component=f"part-{number}", state=state)
        for node, both in states.items()
        for number, state in enumerate(both)
    ]
    assert [(step.node, step.component, step.state) for step in folded(steps)] == [
        ("a", "all 2", "healthy"),
        ("b", "part-1", "starting"),
        ("c", "part-0", "failed"),
        ("c", "part-1", "waiting"),
    ]
