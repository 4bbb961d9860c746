"""Resource names: "clusters/NAME", "nodes/NAME", "tokens/ID", "operations/ID", "snapshots/NAME",
"registries/HOST" (AIP-122)."""

from __future__ import annotations

from fairlead_wire.errors import Invalid, Missing, Problem

CLUSTERS, NODES, TOKENS, OPERATIONS = "clusters", "nodes", "tokens", "operations"
SNAPSHOTS, REGISTRIES = "snapshots", "registries"
_LISTED_BY = {
    CLUSTERS: "fairlead cluster ls",
    NODES: "fairlead node ls",
    TOKENS: "fairlead token ls",
    OPERATIONS: "fairlead events",
    SNAPSHOTS: "fairlead snapshot ls CLUSTER",
    REGISTRIES: "fairlead registry ls",
}
_ONE = {REGISTRIES: "registry"}


def resource_name(collection: str, name: str) -> str:
    """`collection`/`name`, empty for an empty name."""
    return f"{collection}/{name}" if name else ""


def name_in(collection: str, text: str, field: str = "name") -> str:
    """The last part of a resource name of that collection. Raises Invalid."""
    head, _, name = text.partition("/")
    if head != collection or not name or "/" in name:
        raise Invalid(
            f"{text!r} is not the name of one of the {collection}.",
            f'Write "{collection}/NAME".',
            [Problem(field, f'is {text!r}; write "{collection}/NAME"')],
        )
    return name


def missing(collection: str, name: str) -> Missing:
    """The error for a name that is well formed and not there."""
    kind = _ONE.get(collection, collection.removesuffix("s"))
    return Missing(f"There is no {kind} {name!r}.", f"See `{_LISTED_BY[collection]}`.")
