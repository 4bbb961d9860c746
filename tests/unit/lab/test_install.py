"""What the lab pastes on a server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from fairlead_agent.policy import load
from fairlead_cli.lab.install import POLICY, without_token
from fairlead_controller.api.tokens import join_command


def test_an_enrolled_server_gets_the_line_without_a_token() -> None:
    command = join_command("FLT1-DIGEST-SECRET", "172.30.0.1:7070", "fairlead/agent:0.1.0")
    line = without_token(command)
    assert line.startswith("docker run -d --name fairlead-agent ")
    assert line.endswith("fairlead/agent:0.1.0 run --controller 172.30.0.1:7070")
    assert "SECRET" in command
    assert "SECRET" not in line


def test_the_labs_servers_allow_all_docker_commands(tmp_path: Path) -> None:
    line = POLICY.replace("/var/lib/fairlead", str(tmp_path / "fairlead"))
    subprocess.run(["sh", "-e"], input=line, text=True, check=True, timeout=20)
    written = tmp_path / "fairlead" / "policy.json"
    assert json.loads(written.read_text()) == {"docker": "full"}
    assert load(written).docker == "full"
