"""`make bench`: measures every budget and writes the table into docs/benchmarks.md. Takes ten to twenty minutes.

`python -m benchmarks planning commands` measures only these and writes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks import (
    bring_up,
    commands,
    distribution,
    docker_calls,
    footprint,
    lab_again,
    machine,
    planning,
    recovery,
    report,
    servers,
)
from benchmarks.figures import Figure
from fairlead_cli.lab.names import Lab

ALONE: Mapping[str, Callable[[], list[Figure]]] = {
    "planning": planning.figures,
    "commands": lambda: [commands.help_figure()],
    "again": lambda: [lab_again.figure()],
    "distribution": distribution.figures,
}
ON_SERVERS: Mapping[str, Callable[[Lab], list[Figure]]] = {
    "bring-up": bring_up.figures,
    "commands": lambda lab: [commands.status_figure(lab)],
    "recovery": recovery.figures,
    "footprint": footprint.figures,
    "docker": docker_calls.figures,
}
"""In this order: the second makes the cluster that the later ones need."""


def measured(names: Sequence[str], keep: bool) -> Iterator[Figure]:
    for name, alone in ALONE.items():
        if name in names:
            print(f"== {name}", flush=True)
            yield from alone()
    if set(names) & set(ON_SERVERS):
        with servers.lab(keep) as lab:
            for name, figures in ON_SERVERS.items():
                if name in names:
                    print(f"== {name}, on servers", flush=True)
                    yield from figures(lab)


def main(words: Sequence[str]) -> int:
    every = [*dict.fromkeys([*ALONE, *ON_SERVERS])]
    names = [word for word in words if word != "--keep"]
    unknown = set(names) - set(every)
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}; write some of: {' '.join(every)}.", file=sys.stderr)
        return 1
    where, found = machine.sentence(), []
    for figure in measured(names or every, "--keep" in words):
        print(figure.row, flush=True)
        found.append(figure)
    text = report.table(where, found)
    print(f"\n{text}")
    if not names:
        report.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
