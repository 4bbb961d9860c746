"""The declared cluster, as people write it. Shapes and single-field rules only; `plan.validation` holds the rest."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
DOMAIN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Metadata(_Part):
    name: Annotated[str, Field(pattern=NAME)]


class ControlPlane(_Part):
    """`nodes` names them; otherwise `count` nodes that match are chosen, spread over the values of a label."""

    count: Literal[1, 3, 5] | None = None
    nodes: tuple[str, ...] = ()
    match: dict[str, str] = Field(default_factory=dict)
    spread: str = ""
    schedulable: Literal["auto"] | bool = "auto"


class Workers(_Part):
    match: dict[str, str] = Field(default_factory=dict)


class Network(_Part):
    pods: IPv4Network = IPv4Network("10.244.0.0/16")
    node_prefix: Annotated[int, Field(ge=16, le=28)] = 24
    services: IPv4Network = IPv4Network("10.96.0.0/12")
    domain: Annotated[str, Field(pattern=DOMAIN)] = "cluster.local"
    plugin: Literal["flannel"] = "flannel"


class Dns(_Part):
    """`zones`: zone name → path of its zone file as written in the spec. `forward`: servers or resolv.conf paths."""

    zones: dict[Annotated[str, Field(pattern=DOMAIN)], str] = Field(default_factory=dict)
    forward: tuple[str, ...] = ("/etc/resolv.conf",)


class ComponentOptions(_Part):
    """The escape hatch: `args` replace or add flags, `config` is merged into the component's configuration file."""

    args: dict[str, str] = Field(default_factory=dict)
    config: dict[str, object] = Field(default_factory=dict)


class Declared(_Part):
    kubernetes: Annotated[str, Field(pattern=r"^v\d+\.\d+\.\d+$")]
    control_plane: ControlPlane = Field(default_factory=ControlPlane)
    workers: Workers | None = None
    endpoint: str = ""
    network: Network = Field(default_factory=Network)
    dns: Dns = Field(default_factory=Dns)
    components: dict[str, ComponentOptions] = Field(default_factory=dict)


class ClusterSpec(_Part):
    api_version: Literal["fairlead/v1"]
    kind: Literal["Cluster"]
    metadata: Metadata
    spec: Declared

    @property
    def name(self) -> str:
        return self.metadata.name
