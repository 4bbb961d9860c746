"""Objects as an apiserver gets them, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_agent.effects import ApplyResult
from fairlead_agent.objects import ClusterObjects, judged
from fairlead_testing.local_web import Authority, LocalWeb
from fairlead_wire.assignment import ObjectSpec

NODE = "/api/v1/nodes/lab-1"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def apiserver(authority: Authority) -> Iterator[LocalWeb]:
    made = LocalWeb(authority)
    yield made
    made.close()


@pytest.fixture
def objects(authority: Authority, apiserver: LocalWeb) -> Iterator[ClusterObjects]:
    made = ClusterObjects(str(authority.leaf("applier")), str(authority.path), port=apiserver.port)
    yield made
    made.close()


async def test_an_object_is_applied_by_force_as_fairlead(objects: ClusterObjects, apiserver: LocalWeb) -> None:
    apiserver.answers[ROLE] = (201, "{}")
    assert await objects.apply(ObjectSpec.of("rbac/x", ROLE, '{"a":1}')) == ApplyResult(True)
    (asked,) = apiserver.asked
    assert (asked.method, asked.path) == ("PATCH", f"{ROLE}?fieldManager=fairlead&force=true")
    assert (asked.kind, asked.body, asked.client) == ("application/apply-patch+yaml", b'{"a":1}', "applier")


async def test_a_patch_waits_for_its_object(objects: ClusterObjects, apiserver: LocalWeb) -> None:
    spec = ObjectSpec.of("patch/node/lab-1", NODE, '{"spec":{"podCIDR":"10.244.0.0/24"}}')
    result = await objects.apply(spec)
    assert (result.applied, result.retry) == (False, True)
    assert result.message == f"404 from the apiserver for {NODE}: not found; this is tried again."
    apiserver.answers[NODE] = (200, "{}")
    assert (await objects.apply(spec)).applied
    assert apiserver.asked[-1].path == f"{NODE}?fieldManager=fairlead"
    assert apiserver.asked[-1].kind == "application/merge-patch+json"


TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
OTHER = {"key": "example.com/gpu", "effect": "NoSchedule", "value": "yes"}


@pytest.mark.parametrize(
    ("there", "wanted", "after"),
    [
        (None, TAINT, [TAINT]),
        ([OTHER], TAINT, [OTHER, TAINT]),
        ([TAINT, OTHER], TAINT, [OTHER, TAINT]),
        ([TAINT, OTHER], {**TAINT, "$patch": "delete"}, [OTHER]),
        (None, {**TAINT, "$patch": "delete"}, []),
    ],
)
async def test_our_taint_of_a_node_comes_and_goes_and_those_of_others_stay(
    objects: ClusterObjects, apiserver: LocalWeb, there: object, wanted: dict[str, str], after: list[object]
) -> None:
    node = {"metadata": {"name": "lab-1", "resourceVersion": "7"}, "spec": {"taints": there} if there else {}}
    apiserver.answers[NODE] = (200, json.dumps(node))
    manifest = json.dumps(
        {"metadata": {"labels": {"a": "b"}}, "spec": {"podCIDR": "10.244.0.0/24", "taints": [wanted]}}
    )
    assert (await objects.apply(ObjectSpec.of("patch/node/lab-1", NODE, manifest))).applied
    assert json.loads(apiserver.asked[-1].body) == {
        "metadata": {"labels": {"a": "b"}, "resourceVersion": "7"},
        "spec": {"podCIDR": "10.244.0.0/24", "taints": after},
    }


async def test_removing_what_is_gone_is_fine(objects: ClusterObjects, apiserver: LocalWeb) -> None:
    assert await objects.remove(ROLE) == ApplyResult(True)
    apiserver.answers[ROLE] = (200, "{}")
    assert await objects.remove(ROLE) == ApplyResult(True)
    assert apiserver.asked[-1].method == "DELETE"
    apiserver.answers[ROLE] = (403, '{"message": "forbidden"}')
    assert not (await objects.remove(ROLE)).applied


async def test_an_apiserver_that_is_away_is_tried_again(objects: ClusterObjects, apiserver: LocalWeb) -> None:
    apiserver.close()
    result = await objects.apply(ObjectSpec.of("rbac/x", ROLE, "{}"))
    assert (result.applied, result.retry) == (False, True)
    assert "Connection refused" in result.message


async def test_without_its_certificate_it_waits(apiserver: LocalWeb, authority: Authority) -> None:
    objects = ClusterObjects("/none/client.crt", str(authority.path), port=apiserver.port)
    result = await objects.apply(ObjectSpec.of("rbac/x", ROLE, "{}"))
    objects.close()
    assert result.retry
    assert "/none/client.crt is not there yet" in result.message


@pytest.mark.parametrize(
    ("status", "applied", "retry"),
    [
        (200, True, False),
        (201, True, False),
        (0, False, True),
        (400, False, False),
        (403, False, False),
        (404, False, True),
        (409, False, True),
        (422, False, False),
        (429, False, True),
        (500, False, True),
        (503, False, True),
    ],
)
def test_answers(status: int, applied: bool, retry: bool) -> None:
    result = judged(status, json.dumps({"message": "because"}), ROLE)
    assert (result.applied, result.retry) == (applied, retry)
    assert applied or "because" in result.message


def test_an_address_that_a_cut_off_request_has_taken_is_waited_for() -> None:
    """Seen when an agent was killed while it made kube-dns: the apiserver frees the address some time later."""
    said = 'Service "kube-dns" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP: '
    taken = json.dumps({"message": f"{said}provided IP is already allocated"})
    wrong = json.dumps({"message": f"{said}provided IP is not in the valid range"})
    assert judged(422, taken, ROLE).retry
    assert not judged(422, wrong, ROLE).retry
