"""The line that people paste on a server, and what is refused before there is one."""

from __future__ import annotations

import pytest

from fairlead_controller.api.tokens import join_command, problems


def test_the_join_command() -> None:
    assert join_command("FLT1-abc-def", "controller.example:7070", "fairlead/agent:0.1.0") == (
        "(umask 077; mkdir -p /var/lib/fairlead && echo 'FLT1-abc-def' > /var/lib/fairlead/join) && "
        "docker run -d --name fairlead-agent --restart always --privileged --network host --pid host "
        "--label fairlead.agent=true -v /var/run/docker.sock:/var/run/docker.sock -v /:/host:rslave "
        "-v /var/lib/fairlead:/var/lib/fairlead fairlead/agent:0.1.0 run --controller controller.example:7070"
    )


def test_the_token_is_no_argument_of_docker() -> None:
    command = join_command("SECRET", "host:7070", "image")
    assert "SECRET" not in command[command.index("docker run") :]


@pytest.mark.parametrize(
    ("labels", "cluster", "ttl", "where"),
    [
        ({"": "x"}, "", 0, ["label "]),
        ({"disk": "a b"}, "", 0, ["label disk"]),
        ({"-disk": "ssd"}, "", 0, ["label -disk"]),
        ({}, "Lab", 0, ["cluster"]),
        ({}, "", -1, ["ttl"]),
        ({}, "", 7 * 86_400 + 1, ["ttl"]),
        ({"a b": "c"}, "_", -5, ["label a b", "cluster", "ttl"]),
    ],
)
def test_all_that_is_wrong_is_told_at_once(labels: dict[str, str], cluster: str, ttl: int, where: list[str]) -> None:
    assert [problem.where for problem in problems(labels, cluster, ttl)] == where


def test_what_kubernetes_takes_as_labels_is_taken() -> None:
    assert problems({"disk": "ssd", "example.com/zone": "a_b.c-1", "empty": ""}, "lab-1", 60) == []
