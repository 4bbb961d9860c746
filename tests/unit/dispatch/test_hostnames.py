"""Which host names can be nodes: an agent with another one is told at once what to do."""

from __future__ import annotations

import pytest

from fairlead_controller.dispatch.admission import LONGEST_HOSTNAME, check_hostname
from fairlead_wire.errors import Invalid


@pytest.mark.parametrize("name", ["lab-1", "a", "node.example.com", "a" * LONGEST_HOSTNAME])
def test_a_name_that_kubernetes_takes_is_taken(name: str) -> None:
    check_hostname(name)


@pytest.mark.parametrize("name", ["", "Lab-1", "lab_1", "-lab", "lab-", "a..b", "a" * (LONGEST_HOSTNAME + 1)])
def test_another_name_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(Invalid, match="can't be the name of a Kubernetes node") as caught:
        check_hostname(name)
    assert "hostnamectl set-hostname" in caught.value.next_step
