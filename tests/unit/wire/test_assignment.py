"""Increments: whatever two assignments, the difference turns one into the other, and a gap is never papered over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_wire.assignment import (
    Assignment,
    CertificateSpec,
    FileSpec,
    GapError,
    ObjectSpec,
    Removal,
    RemovalKind,
    apply_increment,
    difference,
    normalised,
)
from fairlead_wire.task import TaskSpec

NAMES = st.sampled_from("abcd")
TASKS = st.builds(TaskSpec, NAMES, st.sampled_from(["image:1", "image:2"]))
FILES = st.builds(FileSpec.of, NAMES.map("/etc/kubernetes/{}".format), st.binary(max_size=3))
CERTIFICATES = st.builds(CertificateSpec, NAMES.map("/pki/{}.crt".format), st.just("etcd"), NAMES)
OBJECTS = st.builds(ObjectSpec.of, NAMES, st.just("/api"), st.sampled_from(["{}", '{"a":1}']))
REMOVALS = st.builds(Removal, st.sampled_from(RemovalKind), NAMES, st.sampled_from(["", "h"]))


@st.composite
def assignments(draw: st.DrawFn, revision: int) -> Assignment:
    return normalised(
        Assignment(
            "lab",
            "lab-1",
            revision,
            tuple(draw(st.lists(TASKS, unique_by=lambda task: task.component, max_size=4))),
            tuple(draw(st.lists(FILES, unique_by=lambda file: file.key, max_size=4))),
            tuple(draw(st.lists(CERTIFICATES, unique_by=lambda certificate: certificate.key, max_size=4))),
            tuple(draw(st.lists(OBJECTS, unique_by=lambda entry: entry.key, max_size=4))),
            tuple(draw(st.lists(REMOVALS, unique_by=lambda removal: removal.key, max_size=4))),
        )
    )


@given(assignments(3), assignments(4))
def test_the_difference_turns_one_assignment_into_the_other(old: Assignment, new: Assignment) -> None:
    assert apply_increment(old, difference(old, new)) == new


@given(assignments(3))
def test_no_difference_sends_nothing(held: Assignment) -> None:
    increment = difference(held, replace(held, revision=4))
    assert not any((increment.tasks, increment.files, increment.certificates, increment.objects, increment.removals))
    assert increment.dropped == ()


@given(assignments(3), assignments(4))
def test_an_increment_for_another_revision_is_refused(old: Assignment, new: Assignment) -> None:
    with pytest.raises(GapError):
        apply_increment(replace(old, revision=2), difference(old, new))


def test_a_secret_file_is_closed_to_others_and_not_shown() -> None:
    file = FileSpec.of("/etc/kubernetes/pki/sa.key", "PRIVATE", mode=0o644, secret=True)
    assert file.mode == 0o600
    assert "PRIVATE" not in repr(file)
