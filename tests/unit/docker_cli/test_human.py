"""Times and sizes in Docker's words."""

from __future__ import annotations

import pytest

from fairlead_cli.docker import human
from fairlead_cli.docker.when import moment
from fairlead_wire.errors import Invalid

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "Less than a second"),
        (0.9, "Less than a second"),
        (1.9, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (59 * MINUTE + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (1.4 * HOUR, "About an hour"),
        (1.5 * HOUR, "2 hours"),
        (47.4 * HOUR, "47 hours"),
        (2 * DAY, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (700 * DAY, "23 months"),
        (730 * DAY, "2 years"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert human.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0B"),
        (477, "477B"),
        (1000, "1kB"),
        (9_880_000, "9.88MB"),
        (88_400_000, "88.4MB"),
        (999_900, "1e+03kB"),
        (354_300_000, "354MB"),
        (1_230_000_000, "1.23GB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert human.size(count) == text


def test_the_moment_of_nothing_is_gos() -> None:
    assert human.moment(human.ZERO) == "0001-01-01 00:00:00 +0000 UTC"
    assert human.rfc3339(human.ZERO) == "0001-01-01T00:00:00Z"
    assert human.moment(10**18)[:4] == "9999"


def test_binary_sizes_and_identifiers() -> None:
    assert human.binary_size(12_488_540) == "11.91MiB"
    assert human.binary_size(2**34) == "16GiB"
    assert human.short_id("sha256:57b15d62ea132046") == "57b15d62ea13"
    assert human.short_id("<missing>") == "<missing>"
    assert human.cut("registry serve /etc/distribution", 20) == "registry serve /etc…"
    assert human.quote('a "b"\n\x1b…') == '"a \\"b\\"\\n\\x1b…"'


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("10", 10),
        ("10m", 1_000_000 - 600),
        ("1h30m", 1_000_000 - 5400),
        ("1.5s", 999_998.5),
        ("300ms", 999_999.7),
        ("-10s", 1_000_010),
        ("0s", 1_000_000),
        ("1700000000", 1_700_000_000),
        ("1700000000.25", 1_700_000_000.25),
        ("2026-01-01T00:00:00Z", 1_767_225_600),
        ("2026-01-01T00:00:00.5Z", 1_767_225_600.5),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600),
        ("2026-01-01T01:00+01:00", 1_767_225_600),
        ("2026-01-01Z", 1_767_225_600),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    assert moment(text, 1_000_000, "--since") == pytest.approx(seconds)


def test_a_moment_without_a_zone_is_local() -> None:
    assert moment("2026-01-01", 0, "--since") == moment("2026-01-01T00:00:00", 0, "--since")


@pytest.mark.parametrize("text", ["soon", "m", "2026-13-01", "2026-01-01T25", "10 m", "1700000000000000", "-"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(Invalid, match=r"--since .* is no point in time"):
        moment(text, 0, "--since")
