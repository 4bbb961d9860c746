"""A release brought to all nodes at once: through the fleet's registry, and by `docker load` side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import bring_up, servers
from benchmarks.figures import Figure, ratio
from fairlead_cli.images.builder import Built
from fairlead_cli.lab import front, images
from fairlead_cli.lab.names import Lab

REPEATS, RELEASE = 3, "v1.37.2"
SECONDS = 600.0


def figures(lab: Lab) -> list[Figure]:
    """Of servers with agents and without a cluster; they have all images afterwards."""
    stock = images.Stock()
    if stock.find(images.COMPONENTS) is None:
        raise RuntimeError("the cache lacks images: run `fairlead images build`")
    wanted = stock.get(*images.COMPONENTS)
    with tempfile.TemporaryDirectory() as folder:
        spec, bundle = Path(folder) / "cluster.yaml", Path(folder) / "release.tar"
        workers = bring_up.WORKERS
        spec.write_text(bring_up.SPEC.format(name=lab.name, first=lab.nodes[0], workers=workers), encoding="utf-8")
        front.fairlead(lab, "bundle", "create", "--kubernetes", RELEASE, "-o", str(bundle), timeout=SECONDS)
        imported = timed(lambda: front.fairlead(lab, "bundle", "import", str(bundle), timeout=SECONDS))
        size = bundle.stat().st_size / 1e6
        bundle.unlink()
        ours, floor = _in_turn(lab, spec, wanted)
    return [
        ratio(f"A release to {len(lab.nodes)} nodes at once, by `docker load` side by side", 1.3, ours, floor),
        Figure("`fairlead bundle import`", "s", 0, (imported,), f"{size:.0f} MB"),
    ]


def _in_turn(lab: Lab, spec: Path, wanted: Sequence[Built]) -> tuple[list[float], list[float]]:
    """Seconds of each way. `docker load` comes last, so that everything is there at the end."""
    ours, floor = list[float](), list[float]()
    for _ in range(REPEATS):
        clear(lab, wanted)
        ours.append(timed(lambda: front.fairlead(lab, "images", "prefetch", "-f", str(spec), timeout=SECONDS)))
        clear(lab, wanted)
        floor.append(timed(lambda: on_each(lab, lambda node: images.load(node, wanted, lambda _: None))))
    return ours, floor


def clear(lab: Lab, wanted: Sequence[Built]) -> None:
    """No server has any of these; what they share with the agent's image stays, for both ways alike."""
    names = " ".join(images.tags(wanted))
    on_each(lab, lambda node: servers.script(node, f"docker rmi -f {names} >/dev/null 2>&1 || true; sync"))


def on_each(lab: Lab, work: Callable[[str], object]) -> None:
    with ThreadPoolExecutor(len(lab.nodes)) as pool:
        list(pool.map(work, lab.nodes))


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
