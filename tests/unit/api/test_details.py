"""What `plan` says of a move: the difference in words, and never a secret."""

from __future__ import annotations

from dataclasses import replace

from fairlead_controller.api.details import lines
from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.move import Move, MoveAction
from fairlead_controller.model.snapshot import Cluster, Snapshot
from fairlead_wire.assignment import Assignment, CertificateSpec, FileSpec, ObjectSpec
from fairlead_wire.task import Input, OnChange, TaskSpec

SPEC = ClusterSpec.model_validate(
    {"apiVersion": "fairlead/v1", "kind": "Cluster", "metadata": {"name": "lab"}, "spec": {"kubernetes": "v1.37.2"}}
)
ETCD = TaskSpec("etcd", "registry.k8s.io/etcd:3.7.3", args=("--a=1", "--b=2"))


def said(action: MoveAction, held: Assignment, wanted: Assignment, **move: object) -> tuple[str, ...]:
    snapshot = Snapshot(Cluster("lab", 1, SPEC), fleet=None, held={"n1": held})  # type: ignore[arg-type]
    moved = Move(action, "n1", "lab-1", "etcd", **move)  # type: ignore[arg-type]
    return lines(moved, snapshot, {"n1": wanted})


def test_a_placed_component_shows_its_image() -> None:
    assert said(MoveAction.PLACE, Assignment(), Assignment(tasks=(ETCD,))) == ("+ image registry.k8s.io/etcd:3.7.3",)


def test_a_replaced_component_shows_what_changes() -> None:
    file = Input("/etc/etcd.yaml", OnChange.REPLACE, "one")
    old = replace(ETCD, inputs=(file,))
    new = replace(
        ETCD, image="registry.k8s.io/etcd:3.7.4", args=("--a=1", "--c=3"), inputs=(replace(file, digest="2"),)
    )
    assert said(MoveAction.REPLACE, Assignment(tasks=(old,)), Assignment(tasks=(new,))) == (
        "~ image registry.k8s.io/etcd:3.7.3 → registry.k8s.io/etcd:3.7.4",
        "- argument --b=2",
        "+ argument --c=3",
        "~ file /etc/etcd.yaml",
    )


def test_a_configuration_names_files_and_shows_no_content() -> None:
    held = Assignment(files=(FileSpec.of("/etc/a", "old"), FileSpec.of("/etc/gone", "x")))
    wanted = Assignment(
        files=(FileSpec.of("/etc/a", "hush", secret=True),),
        certificates=(CertificateSpec("/etc/c.crt", "etcd", "c"),),
        objects=(ObjectSpec.of("service/kube-system/kube-dns", "/api", "{}"),),
    )
    found = said(MoveAction.CONFIGURE, held, wanted)
    assert found == (
        "- file /etc/gone",
        "+ certificate /etc/c.crt",
        "+ object service/kube-system/kube-dns",
        "~ file /etc/a",
    )
    assert "hush" not in "".join(found)


def test_the_planners_own_lines_come_first_and_once() -> None:
    own = ("because of a new address", "+ image registry.k8s.io/etcd:3.7.3")
    assert said(MoveAction.PLACE, Assignment(), Assignment(tasks=(ETCD,)), details=own) == own
