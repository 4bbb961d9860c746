"""How large a lab is to be: what was asked for now, or else before, or else what a lab has by default."""

from __future__ import annotations

from fairlead_cli.lab.names import DEFAULT_SERVERS, Lab
from fairlead_cli.lab.processes import LabError

CONTROL_PLANES = 1


def chosen(name: str, servers: int | None, control_planes: int, zones: int = 0) -> Lab:
    """The lab that `up` brings up; without a number, as large as it was brought up before.

    Raises LabError for a number of control planes that this release cannot make, and for fewer servers than there are.
    """
    if control_planes != CONTROL_PLANES:
        raise LabError(
            f"this release makes clusters with one control plane, not {control_planes}",
            "Leave --control-planes out; the other servers become workers",
        )
    before = remembered(name)
    lab = Lab(name, servers if servers is not None else before or DEFAULT_SERVERS, zones)
    if before is not None and lab.servers < before:
        raise LabError(
            f"the lab `{name}` has {before} servers, and `up` takes none away",
            f"Give --servers {before} or more, or take the lab down first",
        )
    return lab


def remembered(name: str) -> int | None:
    """How many servers a lab was brought up with, None for a lab that is not there."""
    try:
        return int(Lab(name).size_note.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def remember(lab: Lab) -> None:
    """Notes it at the beginning of `up`: when that is interrupted, the next one goes on with the same number."""
    lab.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lab.size_note.write_text(f"{lab.servers}\n", encoding="ascii")
