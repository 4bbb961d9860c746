"""Files of ours that others edit or delete are put right at once; nothing is restarted for it."""

from __future__ import annotations

import pytest

from fairlead_testing.fault_lab import FaultLab, Runs

FILES = ("/etc/kubernetes/kubelet/config.yaml", "/etc/kubernetes/coredns/Corefile")


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(("how", "word"), [("echo edited >> {0}", "edited"), ("rm {0}", "deleted")])
def test_a_changed_file_is_put_right_and_told(lab: FaultLab, before: Runs, path: str, how: str, word: str) -> None:
    newest, content = lab.newest_event(), lab.on_server(f"cat {path}; stat -c '%a %u %g' {path}")
    lab.on_server(how.format(path))
    lab.until(
        lambda: lab.holds(f"test -s {path}") and lab.on_server(f"cat {path}; stat -c '%a %u %g' {path}") == content,
        f"{path} is as it was",
        timeout=20,
    )
    told = lab.until_told("file-restored", newest)
    assert told["message"] == f"{path} was {word} by others and is written again."
    assert lab.until_well() == before


def test_a_lost_certificate_is_issued_again(lab: FaultLab, before: Runs) -> None:
    path = "/etc/kubernetes/pki/kube-scheduler/client"
    old = lab.on_server(f"cat {path}.crt")
    lab.on_server(f"rm {path}.crt {path}.key")
    lab.until(lambda: lab.holds(f"test -s {path}.crt && test -s {path}.key"), "the certificate is back", timeout=20)
    assert lab.on_server(f"cat {path}.crt") != old
    assert lab.on_server(f"stat -c %a {path}.key").strip() == "600"
    assert lab.until_well() == before


def test_the_orderly_mode_of_a_key_is_restored(lab: FaultLab, before: Runs) -> None:
    path = "/etc/kubernetes/pki/kube-controller-manager/ca.key"
    lab.on_server(f"chmod 644 {path}")
    lab.until(lambda: lab.on_server(f"stat -c %a {path}").strip() == "600", "the mode is 600 again", timeout=20)
    assert lab.until_well() == before
