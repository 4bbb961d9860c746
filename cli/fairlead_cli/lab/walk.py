"""The walk: what a person would do first with a new cluster, with plain kubectl and a plain `image: nginx`."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead_cli.lab import kubectl, machine
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.processes import LabError, Result, attempt
from fairlead_cli.lab.steps import Say
from fairlead_cli.lab.wait import until

POD = "nginx-test"
MANIFEST = machine.CHECKOUT / "nginx-test-pod.yaml"
PAGE = "Welcome to nginx!"
EDITED = "edited by hand"
CALL_SECONDS = 30.0
RUNNING_SECONDS = 120
APT_SECONDS = 240.0

# apt reads standard input, which is this script: it gets an empty one. A reload takes a moment: the old workers
# may answer a few times more.
SCRIPT = f"""set -e
apt update </dev/null
DEBIAN_FRONTEND=noninteractive apt install -y curl </dev/null
curl -sS localhost
sed -i '0,/location \\//s||location = /edited {{ return 200 "{EDITED}\\\\n"; }}\\n    location /|' \\
    /etc/nginx/conf.d/default.conf
nginx -s reload
tries=0
until curl -fsS localhost/edited; do tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.05; done
"""


@dataclass(frozen=True)
class Kubectl:
    """Plain kubectl with the lab's kubeconfig."""

    lab: Lab

    def attempt(self, *words: str, timeout: float = CALL_SECONDS, stdin: str | None = None) -> Result:
        """A call that may fail."""
        line = [str(kubectl.program()), *words]
        return attempt(line, timeout=timeout, stdin=stdin, env={"KUBECONFIG": str(self.lab.kubeconfig)})

    def __call__(self, *words: str, timeout: float = CALL_SECONDS, stdin: str | None = None) -> str:
        """A call that must end well; what it printed."""
        result = self.attempt(*words, timeout=timeout, stdin=stdin)
        if not result.ok:
            raise LabError(
                f"`kubectl {' '.join(words[:3])}` failed: {result.last_words}",
                f"`kubectl describe pod {POD}` tells more; `fairlead lab walk` tries again",
            )
        return result.output


def walk(lab: Lab, say: Say) -> str:
    """Creates the pod, waits for it, changes nginx in it and sees the change, deletes it.

    Raises LabError at the first step that does not do what a user would expect.
    """
    call = Kubectl(lab)
    call("delete", "pod", POD, "--ignore-not-found", "--timeout=60s", timeout=70)
    wait_for_account(call)
    say(f"kubectl create -f {MANIFEST.name}")
    call("create", "-f", str(MANIFEST))
    say("kubectl get pods, until 1/1 Running")
    wait_until_running(call)
    say("kubectl exec: apt install curl, curl localhost, nginx -s reload")
    see_pages(call("exec", "-i", POD, "--", "sh", timeout=APT_SECONDS, stdin=SCRIPT))
    say(f"kubectl delete pod {POD}")
    call("delete", "pod", POD, "--timeout=60s", timeout=70)
    lab.walked.write_text("\n", encoding="ascii")
    return "created, Running, changed from inside, deleted"


def wait_for_account(call: Kubectl) -> None:
    """A new cluster makes its default service account a moment after it is up; pods need it."""
    until(
        lambda: call.attempt("get", "serviceaccount", "default").ok,
        what="Kubernetes makes the default service account",
        timeout=CALL_SECONDS,
        advice=lambda: "`fairlead status` tells whether kube-controller-manager runs",
    )


def wait_until_running(call: Kubectl) -> None:
    """Waits for the pod, and tells its last event when it does not come up."""
    words = ("wait", "--for=condition=Ready", f"pod/{POD}", f"--timeout={RUNNING_SECONDS}s")
    if not call.attempt(*words, timeout=RUNNING_SECONDS + 5).ok:
        field = f"involvedObject.name={POD}"
        told = call.attempt("get", "events", f"--field-selector={field}", "--sort-by=.lastTimestamp")
        raise LabError(f"{POD} did not become Ready: {told.last_words}", f"`kubectl describe pod {POD}` tells more")
    shown = call("get", "pods", POD, "--no-headers").split()
    if shown[1:3] != ["1/1", "Running"]:
        raise LabError(f"{POD} is {' '.join(shown[1:3])}, not 1/1 Running", f"See `kubectl describe pod {POD}`")


def see_pages(output: str) -> None:
    """Raises LabError unless nginx showed its page, and then the edit."""
    for wanted in (PAGE, EDITED):
        if wanted not in output:
            raise LabError(f"nginx did not answer “{wanted}” in the pod", "`fairlead lab walk` tries again")
