"""What the lab pastes on a server."""

from __future__ import annotations

from fairlead_cli.lab.install import without_token
from fairlead_controller.api.tokens import join_command


def test_an_enrolled_server_gets_the_line_without_a_token() -> None:
    command = join_command("FLT1-DIGEST-SECRET", "172.30.0.1:7070", "fairlead/agent:0.1.0")
    line = without_token(command)
    assert line.startswith("docker run -d --name fairlead-agent ")
    assert line.endswith("fairlead/agent:0.1.0 run --controller 172.30.0.1:7070")
    assert "SECRET" in command
    assert "SECRET" not in line
