"""What an agent's log says of a session that ended."""

from __future__ import annotations

from fairlead_agent.connection import why_ended
from fairlead_wire.errors import Unreachable

HANDSHAKE = "Tls handshake failed: SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED: self signed certificate in chain"


def test_a_controller_of_another_fleet_is_told_in_our_own_words_with_what_to_do() -> None:
    said = why_ended(Unreachable(HANDSHAKE), "fleet:7071", was_open=False)
    assert "fleet:7071 is not the controller of this agent's fleet" in said
    assert "nothing is changed" in said
    assert "fairlead token create" in said
    assert "SSL" not in said


def test_a_session_that_was_open_ended_for_another_reason() -> None:
    said = why_ended(Unreachable("It was stopped."), "fleet:7071", was_open=True)
    assert said == "The session ended: It was stopped."


def test_a_controller_that_is_away_is_named() -> None:
    said = why_ended(Unreachable("Connection refused."), "fleet:7071", was_open=False)
    assert said == "No session with the controller at fleet:7071: Connection refused."
