"""Bad specs: every problem at once, with its line and what to write instead."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.spec_file import parse
from fairlead_testing.planning import FILES, ONE_SERVER
from fairlead_wire.errors import Invalid

HEAD = "apiVersion: fairlead/v1\nkind: Cluster\nmetadata: {name: lab}\nspec:\n  kubernetes: v1.37.2\n"


def told(text: str, files: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(Invalid) as caught:
        parse(text, FILES if files is None else files, "cluster.yaml")
    assert caught.value.next_step
    return [str(problem) for problem in caught.value.problems]


def test_a_good_spec_is_read_with_all_its_defaults() -> None:
    spec = parse(ONE_SERVER, FILES, "cluster.yaml")
    assert isinstance(spec, ClusterSpec)
    assert spec.name == "lab"
    assert str(spec.spec.network.pods) == "10.244.0.0/16"
    assert spec.spec.control_plane.count == 1
    assert spec.spec.workers is None


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "cluster.yaml", "is empty"),
        ("- a\n- b\n", "cluster.yaml:1", "is no cluster spec"),
        ("a: [1,\n", "cluster.yaml:2", "is not YAML"),
        ("a: 1\n\tb: 2\n", "cluster.yaml:2", "is not YAML"),
        ("a: 1\n---\nb: 2\n", "cluster.yaml:2", "another document"),
        ("a: 1\nb: 2\na: 3\n", "cluster.yaml:3 a", "first in line 1"),
        ("a: &x [1]\nb: *x\n", "cluster.yaml:2", "alias"),
        ("[" * 3000 + "]" * 3000, "cluster.yaml:1", "nested too deeply"),
        ("a: 1\n" * 60_000, "cluster.yaml:1", "has 300000 characters"),
        ("a: \x00", "cluster.yaml", "is not YAML"),
    ],
)
def test_what_is_no_spec_at_all(text: str, where: str, what: str) -> None:
    (problem,) = told(text)
    assert problem.startswith(f"{where}: ")
    assert what in problem


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("  kubernets: x\n", "cluster.yaml:6 spec.kubernets: is no known key; did you mean kubernetes?"),
        ("  xyz: 1\n", "cluster.yaml:6 spec.xyz: is no known key; write one of: kubernetes, controlPlane, workers"),
        ("  network: {pod: 10.1.0.0/16}\n", "cluster.yaml:6 spec.network.pod: is no known key; did you mean pods?"),
        ("  network:\n    pods: 10.244.1.0/16\n", "cluster.yaml:7 spec.network.pods: '10.244.1.0/16' is no IPv4 "
         "network; write 10.244.0.0/16"),
        ("  network: {services: fd00::/64}\n", "cluster.yaml:6 spec.network.services: 'fd00::/64' is no IPv4 network"),
        ("  network:\n    domain: cluster.local\n    nodePrefix: big\n", "cluster.yaml:8 spec.network.nodePrefix: "
         "'big' won't do; write a number from 16 to 28"),
        ("  controlPlane: {count: 2}\n", "cluster.yaml:6 spec.controlPlane.count: 2 won't do; write 1, 3 or 5"),
        ("  controlPlane: {nodes: lab-1}\n", "cluster.yaml:6 spec.controlPlane.nodes: 'lab-1' is no list; "
         "write it as [lab-1]"),
        ("  controlPlane: {schedulable: maybe}\n", "spec.controlPlane.schedulable: 'maybe' won't do; write auto, "),
        ("  workers: []\n", "cluster.yaml:6 spec.workers: [] is no map"),
        ("  workers: {match: {a: 1}}\n", 'spec.workers.match.a: 1 is no text for YAML; write it in quotes: "1"'),
        ("  workers: {match: {a: yes}}\n", 'spec.workers.match.a: True is no text for YAML; write it in quotes: "t'),
        ("  dns: {zones: {Foo_: zones/x}}\n", "'Foo_' is no name for it; write a domain"),
        ("  components: {kubelet: {arg: {}}}\n", "spec.components.kubelet.arg: is no known key; did you mean args?"),
    ],
)  # fmt: skip
def test_one_wrong_field(lines: str, expected: str) -> None:
    (problem,) = told(HEAD + lines)
    assert expected in problem


@pytest.mark.parametrize(
    ("lines", "where", "what"),
    [
        ("  network: {pods: 10.96.0.0/16}\n", "spec.network.services", "overlaps spec.network.pods, 10.96.0.0/16"),
        ("  network: {services: 10.96.0.0/29}\n", "spec.network.services", "write at least a /28"),
        ("  network: {services: 11.0.0.0/8, pods: 10.0.0.0/16}\n", "spec.network.services", "write a /12 or smaller"),
        ("  network: {pods: 10.244.0.0/20, nodePrefix: 18}\n", "spec.network.nodePrefix", "write 24 or more"),
        ("  network: {pods: 12.0.0.0/8, nodePrefix: 28}\n", "spec.network.nodePrefix", "write at most 24"),
        ("  network: {pods: 10.244.0.0/24}\n  controlPlane: {count: 3}\n", "spec.network.pods", "too small for 3"),
        ("  controlPlane: {count: 1, nodes: [a]}\n", "spec.controlPlane", "both count and nodes"),
        ("  controlPlane: {nodes: [a], spread: zone}\n", "spec.controlPlane", "leave them out"),
        ("  controlPlane: {nodes: [a, b]}\n", "spec.controlPlane.nodes", "write 1, 3 or 5"),
        ("  controlPlane: {nodes: [a, b, c, b]}\n", "spec.controlPlane.nodes", "b is listed more than once"),
        ("  endpoint: https://api.example.com\n", "spec.endpoint", "write for example api.example.com:6443"),
        ("  endpoint: api.example.com:99999\n", "spec.endpoint", "no host and port"),
        ("  dns: {zones: {a.b: zones/missing}}\n", "spec.dns.zones.a.b", "there is no file zones/missing"),
        ("  dns: {zones: {x.cluster.local: zones/example.internal.zone}}\n", "spec.dns.zones.x.cluster.local", "own"),
        ("  dns: {forward: [dns.google]}\n", "spec.dns.forward.0", "write an IP address"),
        ("  dns: {forward: ['1.1.1.1:dns']}\n", "spec.dns.forward.0", "no resolver"),
        ("  dns: {forward: []}\n", "spec.dns.forward", "write [/etc/resolv.conf]"),
        ("  components: {kubelt: {}}\n", "spec.components.kubelt", "did you mean kubelet?"),
        ("  components: {etcd: {args: {data-dir: /x}}}\n", "spec.components.etcd.args.data-dir", "leave it out"),
        ("  components: {etcd: {args: {--v: '1'}}}\n", "spec.components.etcd.args.--v", "name alone: v"),
        ("  components: {etcd: {config: {a: 1}}}\n", "spec.components.etcd.config", "use args"),
        ("  components: {kube-proxy: {args: {v: '1'}}}\n", "spec.components.kube-proxy.args", "use config"),
        ("  components: {coredns: {args: {v: '1'}}}\n", "spec.components.coredns.args", "takes no flags"),
        ("  components: {kubelet: {config: {clusterDNS: []}}}\n", "spec.components.kubelet.config.clusterDNS", "sets"),
    ],
)  # fmt: skip
def test_fields_that_do_not_fit_together(lines: str, where: str, what: str) -> None:
    problems = told(HEAD + lines)
    line = 7 if lines.count("\n") == 2 and "controlPlane" in where else 6
    assert any(problem.startswith(f"cluster.yaml:{line} {where}: ") and what in problem for problem in problems), (
        problems
    )


def test_an_empty_zone_file() -> None:
    (problem,) = told(ONE_SERVER, {"zones/example.internal.zone": " \n"})
    assert "is empty" in problem


def test_an_unknown_release_lists_the_known_ones() -> None:
    (problem,) = told(HEAD.replace("v1.37.2", "v1.36.0"))
    assert problem == "cluster.yaml:5 spec.kubernetes: there is no release v1.36.0 here; write one of: v1.37.2"


@pytest.mark.parametrize("value", ["2024-13-40", "9" * 5000])
def test_a_value_that_can_not_be_read(value: str) -> None:
    (problem,) = told(HEAD.replace("v1.37.2", value))
    assert problem.startswith("cluster.yaml: has a value that can't be read: ")


def test_a_version_that_yaml_takes_for_a_number() -> None:
    (problem,) = told(HEAD.replace("v1.37.2", "1.37"))
    assert problem == (
        "cluster.yaml:5 spec.kubernetes: 1.37 is no text for YAML; write a full version, for example v1.37.2"
    )


@pytest.mark.parametrize("name", ["etcd", "fleet"])
def test_a_cluster_is_named_neither_like_a_component_nor_like_the_fleet(name: str) -> None:
    """Authorities are stored by the name of what they are of: with a cluster of that name the fleet's own would go."""
    (problem,) = told(HEAD.replace("name: lab", f"name: {name}"))
    assert "cluster.yaml:3 metadata.name" in problem


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = """\
apiVersion: fairlead/v2
kind: Cluster
spec:
  kubernetez: v1.37.2
  controlPlane: {count: 4}
  network:
    pods: 10.96.0.0/12
  components:
    etcd: {args: {name: x}}
"""
    assert [problem.partition(": ")[0] for problem in told(text)] == [
        "cluster.yaml:1 apiVersion",
        "cluster.yaml:1 metadata",
        "cluster.yaml:3 spec.kubernetes",
        "cluster.yaml:4 spec.kubernetez",
        "cluster.yaml:5 spec.controlPlane.count",
        "cluster.yaml:6 spec.network.services",
        "cluster.yaml:9 spec.components.etcd.args.name",
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["controlPlane", "workers", "endpoint", "network", "dns", "components", "kubernetes", "other"]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4))
def test_whatever_is_written_the_answer_is_a_spec_or_a_list_of_problems(declared: dict[str, object]) -> None:
    text = HEAD.replace("  kubernetes: v1.37.2\n", "  " + yaml.safe_dump(declared, default_flow_style=True))
    text = text.replace("spec:\n  {", "spec: {")
    assert answer(text)


def answer(text: str) -> bool:
    """Whether the answer is one that people can use; anything else raises."""
    try:
        return isinstance(parse(text, FILES, "cluster.yaml"), ClusterSpec)
    except Invalid as error:
        return bool(error.problems) and all(each.where.startswith("cluster.yaml") for each in error.problems)


@given(st.text(max_size=60))
def test_any_text_at_all(text: str) -> None:
    assert answer(text)
