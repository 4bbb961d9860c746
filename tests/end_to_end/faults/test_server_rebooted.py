"""A server is rebooted, or its power fails: it is the same node again, with the same containers, data and pods."""

from __future__ import annotations

import pytest

from fairlead_cli.lab import outer
from fairlead_testing.fault_lab import WAIT_SECONDS, FaultLab, Runs, ids

WAYS = {
    "rebooted": (("restart", "--time", "30"),),
    "its power failed": (("kill",), ("start",)),
}
POD = "survivor"


@pytest.mark.parametrize("way", [pytest.param(way, marks=pytest.mark.long) if "power" in way else way for way in WAYS])
def test_everything_comes_back_as_it_was(lab: FaultLab, before: Runs, way: str) -> None:
    lab.kubectl("delete", "pod", POD, "--ignore-not-found", "--timeout=60s", timeout=70)
    lab.kubectl("run", POD, "--image=nginx")
    lab.kubectl("wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=90s", timeout=100)
    node, boot = lab.kubectl("get", "node", "-o=jsonpath={.items[*].metadata.uid}"), boot_marker(lab)
    newest = lab.newest_event()
    for words in WAYS[way]:
        outer.docker(*words, lab.node, timeout=WAIT_SECONDS)
    lab.until_told("node-connected", newest)
    after = lab.until_well()
    assert ids(after) == ids(before)
    assert all(after[name].started != before[name].started for name in before)
    assert boot_marker(lab) != boot, "/run was not emptied, so this was no reboot"
    assert lab.kubectl("get", "node", "-o=jsonpath={.items[*].metadata.uid}") == node
    assert "shared" in lab.on_server("findmnt -n -o PROPAGATION /var/lib/kubelet")
    lab.until(lambda: is_restarted(lab), f"the pod {POD} runs again")
    assert "Welcome to nginx!" in page(lab)
    lab.kubectl("delete", "pod", POD, "--timeout=60s", timeout=70)


def boot_marker(lab: FaultLab) -> str:
    return lab.on_server("cat /run/fairlead/boot")


def is_restarted(lab: FaultLab) -> bool:
    """Whether the pod is Ready, in a container that was started after the boot."""
    state = '{.status.conditions[?(@.type=="Ready")].status} {.status.containerStatuses[0].restartCount}'
    told = lab.kubectl.attempt("get", "pod", POD, f"-o=jsonpath={state}")
    return told.ok and told.output.split() == ["True", "1"]


def page(lab: FaultLab) -> str:
    """What the pod serves, asked from inside: exec works again, too."""
    ask = "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    return lab.kubectl("exec", POD, "--", "bash", "-c", ask)
