"""What preflight found, as people read it: the check, the reason, the cure. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from fairlead.api.v1 import nodes_pb2
from fairlead_cli.render.console import paint
from fairlead_cli.render.words import last_part

ERROR, WARNING = nodes_pb2.SEVERITY_ERROR, nodes_pb2.SEVERITY_WARNING
_WORDS = {ERROR: ("error", "red"), WARNING: ("warning", "yellow")}
NO_NODES = "There is no node yet: `fairlead token create` prints the line to paste on a server."


def has_errors(findings: Iterable[nodes_pb2.Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings)


def checks_text(checks: Sequence[nodes_pb2.NodeCheck]) -> str:
    """All nodes, one after the other, with a verdict each."""
    if not checks:
        return NO_NODES
    return "\n\n".join("\n".join(_node(check)) for check in checks)


def findings_lines(
    findings: Sequence[nodes_pb2.Finding], indent: str = "  ", stream: TextIO | None = None
) -> list[str]:
    """Two lines each, for `stream`: severity, check and reason; the cure. Columns are aligned."""
    width = max((len(finding.check) for finding in findings), default=0)
    return [line for finding in findings for line in _finding(finding, width, indent, stream)]


def counted(findings: Iterable[nodes_pb2.Finding]) -> str:
    """ "1 error, 2 warnings", empty for none."""
    counts = Counter(finding.severity for finding in findings)
    said = [(counts[severity], _WORDS[severity][0]) for severity in (ERROR, WARNING) if counts[severity]]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in said)


def _node(check: nodes_pb2.NodeCheck) -> Iterator[str]:
    verdict = counted(check.findings)
    colour = "red" if has_errors(check.findings) else "yellow" if verdict else "green"
    yield f"{paint(last_part(check.node), 'bold')} as {check.role}: {paint(verdict or 'all is well', colour)}"
    yield from findings_lines(check.findings)


def _finding(finding: nodes_pb2.Finding, width: int, indent: str, stream: TextIO | None) -> Iterator[str]:
    word, colour = _WORDS.get(finding.severity, ("finding", ""))
    yield f"{indent}{paint(word.ljust(7), colour, stream)}  {finding.check.ljust(width)}  {finding.reason}"
    yield f"{indent}{' ' * 7}  {' ' * width}  → {finding.cure}"
