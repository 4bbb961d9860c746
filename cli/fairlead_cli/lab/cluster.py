"""The lab's cluster, made with the commands that its users have."""

from __future__ import annotations

import json

from fairlead_cli.lab import front, kubectl
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import attempt
from fairlead_cli.lab.spec import spec_for
from fairlead_cli.lab.steps import Say
from fairlead_cli.lab.wait import until

APPLY_SECONDS = 300.0
READY_SECONDS = 120.0


def ready_nodes(lab: Lab) -> set[str]:
    """The nodes that Kubernetes calls Ready, none while it does not answer."""
    words = [str(kubectl.program()), "get", "nodes", "--request-timeout=5s", "--output", "json"]
    result = attempt(words, timeout=10, env={"KUBECONFIG": str(lab.kubeconfig)})
    return names_of_ready(result.output) if result.ok else set()


def names_of_ready(nodes: str) -> set[str]:
    """The names of the nodes with a true Ready condition, in the JSON of `kubectl get nodes`."""
    return {
        node["metadata"]["name"]
        for node in json.loads(nodes)["items"]
        for condition in node["status"].get("conditions", ())
        if condition["type"] == "Ready" and condition["status"] == "True"
    }


def is_ready(lab: Lab) -> bool:
    """Whether every server of the lab is a Ready node of its cluster."""
    return lab.kubeconfig.exists() and ready_nodes(lab).issuperset(lab.nodes)


def ensure(lab: Lab, say: Say) -> str:
    """The cluster, applied and followed to its end, with every server Ready."""
    front.fairlead(lab, "apply", "-f", str(spec_for(lab)), timeout=APPLY_SECONDS, on_line=say)
    front.fairlead(lab, "kubeconfig", lab.name, "--out", str(lab.kubeconfig))
    until(
        lambda: is_ready(lab),
        what=f"every server is a Ready node ({', '.join(lab.nodes)})",
        timeout=READY_SECONDS,
        advice=lambda: f"`{front.shown('fairlead')} status --watch` tells what each component does",
        period=0.5,
    )
    return f"{len(lab.nodes)} of {len(lab.nodes)} nodes Ready"
