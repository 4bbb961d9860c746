"""Task → Docker's body, and back from what Docker tells."""

from __future__ import annotations

import json

import pytest

from fairlead_agent.runtime.container_spec import create_body, event, milliseconds
from fairlead_agent.runtime.failures import from_answer
from fairlead_agent.runtime.port import NameTaken, NoSuchContainer, NoSuchImage, RuntimeEvent, RuntimeFailure
from fairlead_wire.task import Limits, Mount, Propagation, TaskKind, TaskSpec


def test_a_body_is_json_and_has_what_every_component_has() -> None:
    body = json.loads(json.dumps(create_body("lab", TaskSpec("etcd", "etcd:1"))))
    host = body["HostConfig"]
    assert host["NetworkMode"] == "host"
    assert host["RestartPolicy"] == {"Name": "always"}
    assert host["LogConfig"]["Type"] == "json-file"
    assert body["User"] == "0:0"
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert not {"Binds", "PidMode", "CgroupnsMode", "Memory"} & set(host)
    assert "Entrypoint" not in body
    assert body["Labels"] == {
        "fairlead.cluster": "lab",
        "fairlead.component": "etcd",
        "fairlead.hash": TaskSpec("etcd", "etcd:1").hash,
        "fairlead.kind": "service",
    }


def test_a_job_is_not_restarted() -> None:
    body = create_body("lab", TaskSpec("restore", "etcd:1", kind=TaskKind.JOB))
    assert body["HostConfig"]["RestartPolicy"] == {"Name": "no"}


def test_privileged_ones_share_what_the_host_has() -> None:
    spec = TaskSpec("kubelet", "k:1", privileged=True, host_pid=True, limits=Limits(memory_bytes=7))
    host = create_body("lab", spec)["HostConfig"]
    assert (host["Privileged"], host["PidMode"], host["CgroupnsMode"], host["Memory"]) == (True, "host", "host", 7)


@pytest.mark.parametrize(
    ("propagation", "word"),
    [(Propagation.PRIVATE, "rprivate"), (Propagation.SLAVE, "rslave"), (Propagation.SHARED, "rshared")],
)
def test_mounts_are_binds_that_never_make_their_source(propagation: Propagation, word: str) -> None:
    (mount,) = create_body("lab", TaskSpec("a", "b", mounts=(Mount("/s", "/t", True, propagation),)))["HostConfig"][
        "Mounts"
    ]
    assert mount == {
        "Type": "bind",
        "Source": "/s",
        "Target": "/t",
        "ReadOnly": True,
        "BindOptions": {"Propagation": word},
    }


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T00:00:01.123456789Z", 1123),
        ("1970-01-01T01:00:02+01:00", 2000),
        ("1970-01-01T01:00:02.25+01:00", 2250),
    ],
)
def test_times_of_docker(moment: str, wanted: int) -> None:
    assert milliseconds(moment) == wanted


def test_events() -> None:
    raw = {"Action": "die", "Actor": {"ID": "x", "Attributes": {"fairlead.component": "etcd", "exitCode": "137"}}}
    assert event(raw) == RuntimeEvent("die", "x", "etcd", 137)
    assert event({"Action": "exec_create: sh -c x", "Actor": {"ID": "x"}}).action == "exec_create"


@pytest.mark.parametrize(
    ("status", "sentence", "kind"),
    [
        (404, "No such container: x", NoSuchContainer),
        (404, "No such image: x:1", NoSuchImage),
        (404, "executable file not found in $PATH", RuntimeFailure),
        (409, 'Conflict. The container name "/x" is already in use by container "y".', NameTaken),
        (409, "Container x is not running", RuntimeFailure),
        (500, "", RuntimeFailure),
    ],
)
def test_answers_of_docker(status: int, sentence: str, kind: type[RuntimeFailure]) -> None:
    failure = from_answer(status, sentence)
    assert type(failure) is kind
    assert str(failure)
