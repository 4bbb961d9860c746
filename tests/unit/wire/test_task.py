"""A task's identity is its hash: equal specs agree, any difference shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from fairlead_wire.task import Mount, Probe, ProbeKind, TaskSpec, TaskState, Variable, canonical_json

ETCD = TaskSpec("etcd", "registry.k8s.io/etcd:3.7.3-0", args=("--name=a",), mounts=(Mount("/var/lib/etcd", "/data"),))


def test_equal_specs_have_one_hash() -> None:
    again = TaskSpec("etcd", "registry.k8s.io/etcd:3.7.3-0", args=("--name=a",), mounts=ETCD.mounts)
    assert again.hash == ETCD.hash


def test_the_hash_is_the_same_in_every_release_of_fairlead() -> None:
    """A changed hash would replace every container in the field at the next upgrade of the controller."""
    canonical = b'{"component":"a","image":"b","probe":{"kind":"tcp","port":1}}'
    assert TaskSpec("a", "b", probe=Probe(ProbeKind.TCP, port=1)).hash == hashlib.sha256(canonical).hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        replace(ETCD, image="other"),
        replace(ETCD, args=("--name=b",)),
        replace(ETCD, env=(Variable("A", "1"),)),
        replace(ETCD, mounts=(Mount("/var/lib/etcd", "/data", read_only=True),)),
        replace(ETCD, privileged=True),
        replace(ETCD, probe=Probe(ProbeKind.TCP, port=1)),
    ],
)
def test_any_difference_changes_the_hash(changed: TaskSpec) -> None:
    assert changed.hash != ETCD.hash


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": [True, None]}) == '{"a":[true,null],"b":1}'


def test_states_are_ordered_as_a_task_goes_through_them() -> None:
    words = [state.word for state in sorted(TaskState)]
    assert words[1:7] == ["pending", "fetching", "preparing", "created", "starting", "unhealthy"]
    assert TaskState.HEALTHY.settled
    assert not TaskState.FAILED.settled
