"""`docker rm -f` of a component: how long until it runs again."""

from __future__ import annotations

from benchmarks import servers
from benchmarks.figures import Figure
from fairlead_cli.lab.names import Lab

COMPONENTS = ("kubelet", "kube-proxy", "flannel", "coredns", "kube-scheduler")
REPEATS, PAUSE_SECONDS = 5, 4

# From the moment before the command to the start that the Engine noted of the new container.
SCRIPT = """\
form='{{{{if .State.Running}}}}{{{{.State.StartedAt}}}}{{{{end}}}}'
begin=$(date +%s%N)
docker rm -f {name} >/dev/null
for i in $(seq 600); do
  started=$(docker inspect --format "$form" {name} 2>/dev/null || true)
  if [ -n "$started" ]; then
    echo $(( ($(date -d "$started" +%s%N) - begin) / 1000000 ))
    break
  fi
  sleep 0.1
done
sleep {pause}
"""


def figures(lab: Lab) -> list[Figure]:
    node = lab.nodes[0]
    return [_figure(node, component) for component in COMPONENTS]


def _figure(node: str, component: str) -> Figure:
    script = SCRIPT.format(name=f"fairlead-{component}", pause=PAUSE_SECONDS)
    values = tuple(int(servers.script(node, script)) / 1000 for _ in range(REPEATS))
    return Figure(f"`docker rm -f` of {component}, running again", "s", 2.0, values)
