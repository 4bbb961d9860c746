"""What the registry says becomes lines of our log; noise and garbage do no harm."""

from __future__ import annotations

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from fairlead_controller.images.registry_log import LONGEST, pass_on, tell
from fairlead_wire.registry_config import RegistryFiles, configuration


@pytest.mark.parametrize(
    ("line", "level", "said"),
    [
        ('{"level": "fatal", "msg": "listen tcp: in use", "time": "…"}', "error", "listen tcp: in use"),
        ('{"level": "warning", "msg": "hm"}', "warning", "hm"),
        ('{"level": 7, "msg": "hm"}', "warning", "hm"),
        ("panic: runtime error", "warning", "panic: runtime error"),
        ('{"no": "message"}', "warning", '{"no": "message"}'),
        ("[" * 5000, "warning", "[" * LONGEST),
    ],
    ids=range(6),
)
def test_a_line_keeps_its_level_and_its_words(line: str, level: str, said: str) -> None:
    with capture_logs() as logs:
        tell(line)
    assert [(log["log_level"], log["said"]) for log in logs] == [(level, said)]


def test_what_went_wrong_comes_along() -> None:
    with capture_logs() as logs:
        tell(json.dumps({"level": "error", "msg": "hm", "err.code": "blob unknown", "vars.name": "shop", "go": "1.26"}))
    assert logs == [
        {"event": "registry", "log_level": "error", "said": "hm", "err_code": "blob unknown", "vars_name": "shop"}
    ]


@pytest.mark.parametrize("line", ["", "2026/07/24 http: TLS handshake error from 192.0.2.1:4711: EOF"])
def test_scanners_do_not_fill_the_log(line: str) -> None:
    with capture_logs() as logs:
        tell(line)
    assert logs == []


async def test_a_line_without_an_end_is_dropped_and_the_next_one_is_told() -> None:
    stream = asyncio.StreamReader(limit=1000)
    stream.feed_data(b"x" * 5000 + b"\n" + b"\xff ends\n")
    stream.feed_eof()
    with capture_logs() as logs:
        await pass_on(stream)
    assert logs[-1]["said"] == "\ufffd ends"


def test_the_configuration_is_read_only_and_asks_for_certificates() -> None:
    document = json.loads(configuration(RegistryFiles("/store", "/c", "/k", "/a"), "[::]:7072", "s"))
    assert document["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert "cache" not in document["storage"]
    assert "delete" not in document["storage"]
    assert document["http"]["tls"]["clientauth"] == "require-and-verify-client-cert"
    assert (document["http"]["addr"], document["http"]["tls"]["clientcas"]) == ("[::]:7072", ["/a"])
