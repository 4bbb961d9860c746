"""Which component is first started after which: so that nobody begins by failing, and what all others wait for has the
processors to itself. Pure.

It is a matter of seconds, not of need: each component can wait for the others by itself. But then a kubelet, say, that
finds no apiserver asks again after 0.1 s, 0.2 s, 0.4 s, … 7 s, and one that was told that its Node is not there yet
waits up to 20 s before it is Ready. So only what is on its way is waited for, only for a while, and never again after
that: whatever is ill keeps nobody else down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from fairlead_agent.view import Health, Moment, View
from fairlead_wire.task import TaskSpec

# How long a component that runs may take to be as it is waited for.
GRACE_SECONDS = 30.0
# How long after a new assignment anything is waited for; pulling images takes minutes.
LONGEST_SECONDS = 300.0

How = Callable[[Health], bool]


def _runs(health: Health) -> bool:
    return True


def _well(health: Health) -> bool:
    return health.confirmed


_KUBELET: Mapping[str, How] = {"kube-apiserver": _well, "cri-dockerd": _well, "api-proxy": _well}
_NODE: Mapping[str, How] = {"kube-apiserver": _well, "kubelet": _well}
_CONTROL: Mapping[str, How] = {"etcd": _runs, "kube-apiserver": _runs}
_AFTER: Mapping[str, Mapping[str, How]] = {
    "kube-apiserver": {"etcd": _runs},
    "api-proxy": _CONTROL,
    "cri-dockerd": _CONTROL,
    "kubelet": _KUBELET,
    "kube-controller-manager": _NODE,
    "kube-scheduler": _NODE,
    "kube-proxy": _NODE,
    "flannel": _NODE,
    "coredns": _NODE,
}


def waits_to_start(view: View, task: TaskSpec, now: Moment) -> str:
    """ "" when the task may be started now, else for what it waits."""
    if now.steady - view.assigned_at >= LONGEST_SECONDS:
        return ""
    for component, how in _AFTER.get(task.component, {}).items():
        other = view.assignment.task(component)
        if other is not None and _is_awaited(view, other, how, now):
            return f"starts after {component}"
    return ""


def moments(view: View) -> Iterator[float]:
    """When waiting for a component that runs ends at the latest."""
    for container in view.containers.values():
        health = view.health.get(container.id)
        if health is not None and not health.confirmed:
            yield health.first_seen + GRACE_SECONDS


def _is_awaited(view: View, task: TaskSpec, how: How, now: Moment) -> bool:
    container = view.current(task.component)
    if container is None:
        return _is_on_its_way(view, task)
    health = view.health.get(container.id)
    return health is not None and not how(health) and now.steady - health.first_seen < GRACE_SECONDS


def _is_on_its_way(view: View, task: TaskSpec) -> bool:
    """Whether it is going to be started soon, as far as one can know."""
    lane = f"task/{task.component}"
    failures = view.failures(f"image/{task.image}") + view.failures(lane)
    return lane not in view.refusals and not failures and (view.online or task.image in view.images)
