"""The controller's clock is 50 minutes off: agents, people and new servers get on with it all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from fairlead_cli.lab import front
from fairlead_testing import shifted_clock
from fairlead_testing.fake_agent import FakeAgent, enrol
from fairlead_testing.fault_lab import FaultLab, Runs
from fairlead_wire.facts import Facts
from fairlead_wire.identity import new_key

OFF_SECONDS = 50 * 60
NEAR_SECONDS = 120.0


@pytest.fixture(params=[OFF_SECONDS, -OFF_SECONDS], ids=["ahead", "behind"])
def off(lab: FaultLab, before: Runs, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[int]:
    """A controller whose clock is off by so many seconds."""
    library = shifted_clock.build(tmp_path)
    lab.stop_controller()
    try:
        with shifted_clock.shifting(library, request.param):
            lab.start_controller()
        yield request.param
    finally:
        lab.stop_controller()
        lab.start_controller()


def test_sessions_certificates_and_enrolment_work(lab: FaultLab, before: Runs, off: int) -> None:
    assert lab.until_well() == before
    lab.fairlead("kubeconfig", lab.lab.name, "--out", str(lab.lab.folder / "of-a-wrong-clock"))
    seen = datetime.fromisoformat(lab.events()[-1]["time"]).timestamp()
    assert abs(seen - time.time() - off) < NEAR_SECONDS, "the controller's clock is not off at all"

    # The kubelet is healthy only if the apiserver, whose clock is right, takes its new certificate.
    path = "/etc/kubernetes/pki/kubelet/client.crt"
    old = lab.on_server(f"cat {path}")
    lab.on_server(f"rm {path}")
    lab.until(lambda: lab.holds(f"test -s {path}"), "the certificate is issued again")
    fresh = x509.load_pem_x509_certificate(lab.on_server(f"cat {path}").encode())
    assert fresh != x509.load_pem_x509_certificate(old.encode())
    assert fresh.not_valid_before_utc < datetime.now(UTC) < fresh.not_valid_after_utc
    assert lab.until_well() == before
    asyncio.run(new_server(lab, f"clock{off}"))


async def new_server(lab: FaultLab, name: str) -> None:
    """A server with a right clock enrols, and has a session."""
    token = front.fairlead_json(lab.lab, "token", "create")
    facts = Facts(hostname=name, address="192.0.2.9")
    node_id, identity, endpoint = await enrol(lab.enrolment, token["token"], facts, new_key())
    async with FakeAgent(endpoint, identity, facts).session() as session:
        assert (await session.hello(facts)).node_id == node_id
