"""What happens in one simulation, made from one number: servers, intents of a person, and faults with their moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from fairlead_controller.plan import catalogue
from fairlead_testing.simulation.person import Intent

# Faults end here at the latest, in virtual seconds, but for the long ones.
CALM = 60.0
# Longer than any component may take to become healthy: a replacement is given up before it ends.
LONG = 320.0
# kube-scheduler can't start with this flag of the declared spec.
UNLUCKY = 13
_FORWARD = ("/etc/resolv.conf", "192.0.2.53")
_SPEC = """\
apiVersion: fairlead/v1
kind: Cluster
metadata: {{name: lab}}
spec:
  kubernetes: v1.37.2
  controlPlane: {{nodes: [lab-1]}}
  {workers}
  dns: {{zones: {{example.internal: example.zone}}, forward: [{forward}]}}
  components:
    kube-scheduler: {{args: {{v: "{scheduler}"}}}}
    kube-proxy: {{config: {{oomScoreAdj: -{proxy}}}}}
"""
_ZONE = """\
$ORIGIN example.internal.
@ 3600 IN SOA ns admin {serial} 7200 3600 1209600 60
@ 3600 IN NS ns
ns 3600 IN A 192.0.2.11
"""
_WORKERS = {"none": "# no workers", "all": "workers: {match: {}}", "half": "workers: {match: {half: 'yes'}}"}


@dataclass(frozen=True)
class Wish:
    """The parts of a spec that a person may change."""

    workers: str = "all"
    scheduler: int = 1
    proxy: int = 1
    zone: int = 1
    forward: str = _FORWARD[0]

    def at(self, moment: float) -> Intent:
        spec = _SPEC.format(**{**vars(self), "workers": _WORKERS[self.workers]})
        return Intent(moment, spec, (("example.zone", _ZONE.format(serial=self.zone)),))

    def changed(self, random: Random) -> Wish:
        change = random.choice(_CHANGES)
        return change(self, random)


_CHANGES: tuple[Callable[[Wish, Random], Wish], ...] = (
    lambda wish, random: replace(wish, workers=random.choice(sorted(_WORKERS))),
    lambda wish, random: replace(wish, scheduler=wish.scheduler % 9 + 1),
    lambda wish, random: replace(wish, proxy=random.randint(1, 3)),
    lambda wish, random: replace(wish, proxy=wish.proxy % 3 + 1, scheduler=random.randint(1, 3)),
    lambda wish, random: replace(wish, zone=wish.zone + 1),
    lambda wish, random: replace(wish, forward=random.choice(_FORWARD)),
)


@dataclass(frozen=True)
class Fault:
    """`what` names a method of `faults.Faults`; `seconds` is how long it lasts, `number` whatever it needs."""

    at: float
    what: str
    server: int = 0
    seconds: float = 0.0
    number: int = 0
    component: str = ""


@dataclass(frozen=True)
class Schedule:
    """`skews`: how wrong each server's clock is, in seconds; one server for each."""

    seed: int
    skews: tuple[float, ...]
    intents: tuple[Intent, ...]
    faults: tuple[Fault, ...]

    @property
    def servers(self) -> int:
        return len(self.skews)

    def __str__(self) -> str:
        wishes = [f"{intent.at:6.1f} {'apply' if intent.spec_yaml else 'delete'}" for intent in self.intents]
        faults = [
            f"{f.at:6.1f} {f.what} lab-{f.server + 1} {f.seconds:.1f}s {f.number} {f.component}" for f in self.faults
        ]
        return "\n".join([f"seed {self.seed}, {self.servers} servers", *wishes, *faults])


# Fault → how often, beside the others, and the longest that it lasts in seconds.
KINDS: Mapping[str, tuple[int, float]] = {
    "kill_agent": (6, 15.0),
    "kill_agent_at": (8, 15.0),
    "kill_controller": (5, 15.0),
    "kill_controller_at": (6, 15.0),
    "drop": (6, 20.0),
    "cut": (4, 40.0),
    "slow": (3, 30.0),
    "slow_controller": (2, 30.0),
    "duplicate": (3, 40.0),
    "fill_disk": (4, 30.0),
    "fill_database": (3, 20.0),
    "crash": (5, 25.0),
    "crash_long": (1, LONG),
    "remove": (6, 0.0),
    "stop": (3, 0.0),
    "edit": (3, 0.0),
    "unlink": (3, 0.0),
    "docker_away": (4, 20.0),
    "reboot": (3, 20.0),
    "unplug_registry": (3, 30.0),
}
COMPONENTS = (*catalogue.CONTROL_PLANE, *catalogue.EVERYWHERE)


def generate(seed: int) -> Schedule:
    random = Random(seed)
    servers = random.choices((1, 2, 3, 4, 5), (50, 28, 12, 5, 5))[0]
    skews = tuple(random.choice((0.0, 0.0, random.uniform(-3000, 3000))) for _ in range(servers))
    faults = sorted((_fault(random, servers) for _ in range(random.randint(0, 10))), key=lambda fault: fault.at)
    return Schedule(seed, skews, tuple(_intents(random)), tuple(faults))


def _fault(random: Random, servers: int) -> Fault:
    kinds = list(KINDS)
    what = random.choices(kinds, [KINDS[kind][0] for kind in kinds])[0]
    # Most of what is to go wrong goes wrong while something is under way.
    at = random.uniform(0.1, random.choice((4.0, 15.0, CALM * 0.8)))
    longest = KINDS[what][1]
    seconds = longest if longest == LONG else min(random.uniform(0.2, 1.0) * longest, CALM - at)
    number = random.randint(1, random.choice((20, 80, 160)))
    return Fault(at, what, random.randrange(servers), seconds, number, random.choice(COMPONENTS))


def _intents(random: Random) -> list[Intent]:
    wish = Wish(workers=random.choice(("all", "all", "half", "none")))
    intents = [wish.at(0.2)]
    for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3))):
        at = intents[-1].at + random.choice((random.uniform(0.2, 3.0), random.uniform(3.0, 25.0)))
        if intents[-1].spec_yaml and random.random() < 0.15:
            intents.append(Intent(at, destroy_data=random.random() < 0.5))
        elif random.random() < 0.06:
            intents.append(replace(wish, scheduler=UNLUCKY).at(at))
            intents.append(wish.changed(random).at(at + random.choice((1.0, 20.0, LONG))))
        else:
            wish = wish.changed(random)
            intents.append(wish.at(at))
    return intents
