"""The default policy of a node allows all that the planner asks: nobody has to write one for a plain cluster."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_agent.policy import NodePolicy
from fairlead_testing.planning import World, cluster, node

MODERN: dict[str, Any] = {
    "docker_api": "1.50",
    "docker_root": "/data/docker",
    "cgroup_version": 2,
    "cgroup_driver": "systemd",
    "resolv_conf": "/run/systemd/resolve/resolv.conf",
    "nftables": False,
}


@pytest.mark.parametrize("facts", [{}, MODERN], ids=["lab", "modern"])
def test_the_default_policy_allows_the_plan(facts: dict[str, Any]) -> None:
    world = World((node(1, **facts), node(2, **facts)), cluster(workers={}))
    world.run()
    for held in world.held.values():
        policy = NodePolicy(docker_root=facts.get("docker_root", "/var/lib/docker"))
        assert [policy.refusal(task) for task in held.tasks if policy.refusal(task)] == []
        written = [file.path for file in held.files]
        written += [path for spec in held.certificates for path in (spec.path, spec.key_path)]
        assert [policy.file_refusal(path) for path in written if policy.file_refusal(path)] == []
        for task in held.tasks:
            left = task.footprint
            removed = (*left.directories, *left.data_directories, *left.files)
            assert [policy.removal_refusal(path) for path in removed if policy.removal_refusal(path)] == []
            assert not [label for label in left.container_labels if label.startswith("fairlead.")]
