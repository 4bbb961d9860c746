"""Where the agent finds the Engine's socket: by its name on the host, so that a restarted dockerd is found again."""

from __future__ import annotations

import socket
from pathlib import Path

from fairlead_agent.host_paths import HostPaths, engine_url

URL = "unix:///var/run/docker.sock"


def test_the_socket_is_looked_for_in_the_hosts_own_directory(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("/run")
    url = engine_url(URL, HostPaths(str(tmp_path)))
    assert url == f"unix://{tmp_path}/run/docker.sock"
    for _ in range(2):  # each time dockerd makes another socket under the same name
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(url.removeprefix("unix://"))
            assert Path(url.removeprefix("unix://")).is_socket()
        (tmp_path / "run" / "docker.sock").unlink()


def test_an_agent_on_the_host_itself_uses_the_name_as_it_is() -> None:
    assert engine_url("unix:///run/docker.sock", HostPaths()) == "unix:///run/docker.sock"


def test_without_the_hosts_directories_the_mounted_socket_is_used(tmp_path: Path) -> None:
    assert engine_url(URL, HostPaths(str(tmp_path / "nothing"))) == URL


def test_an_engine_that_is_reached_otherwise_stays_as_it_is(tmp_path: Path) -> None:
    assert engine_url("tcp://192.0.2.1:2375", HostPaths(str(tmp_path))) == "tcp://192.0.2.1:2375"
