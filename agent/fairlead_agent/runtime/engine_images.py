"""Images on a real Docker Engine: what `DockerEngine` has its client do."""

from __future__ import annotations

from typing import Any

import docker.auth
import docker.utils
from docker.api.client import APIClient
from docker.types import CancellableStream

from fairlead_agent.runtime.engine_client import CALL_SECONDS, opened
from fairlead_agent.runtime.http_streams import json_lines
from fairlead_agent.runtime.port import Login

SILENT_PULL_SECONDS = 300
"""Docker tells of progress several times a second; unpacking one large layer on a slow disk is the longest pause."""


def identifier(client: APIClient, reference: str) -> str:
    return str(client.inspect_image(reference)["Id"])  # type: ignore[no-untyped-call]


def tag(client: APIClient, reference: str, name: str) -> None:
    repository, label = docker.utils.parse_repository_tag(name)
    client.tag(reference, repository, label or "latest")


def forget(client: APIClient, reference: str) -> None:
    client.remove_image(reference)


def pull(client: APIClient, reference: str, login: Login | None = None) -> CancellableStream[Any]:
    """Docker's news of a pull, one object a line. Without a login it is the one of this machine's user, if any."""
    repository, tag = docker.utils.parse_repository_tag(reference)
    registry, _ = docker.auth.resolve_repository_name(repository)
    authorization = _header(login, registry) if login else docker.auth.get_config_header(client, registry)
    answer = opened(
        client,
        "POST",
        "images/create",
        params={"fromImage": repository, "tag": tag or "latest"},
        headers={"X-Registry-Auth": authorization} if authorization else None,
        timeout=(CALL_SECONDS, SILENT_PULL_SECONDS),
    )
    return CancellableStream(json_lines(answer), answer)


def _header(login: Login, registry: str) -> Any:
    return docker.auth.encode_header(
        {"username": login.username, "password": login.password, "serveraddress": registry}
    )
