"""A release brought to five fresh servers of one zone at once: through the fleet's registry and the zone's seed, and by
`docker load` of the same images, side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import bring_up, servers
from benchmarks.figures import Figure, ratio
from fairlead_cli.images.builder import Built
from fairlead_cli.lab import front, images
from fairlead_cli.lab.names import Lab

REPEATS, RELEASE = 3, "v1.37.2"
LAB = Lab("dist", 5, zones=1)
SECONDS = 600.0
EMPTY_SEED = """
docker stop fairlead-seed
rm -rf /var/lib/docker/volumes/fairlead-seed/_data/*
docker start fairlead-seed
timeout 60 bash -c "until (exec 3<>/dev/tcp/$(hostname -i)/7073) 2>/dev/null; do sleep 0.1; done"
"""
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
WORKER = tuple(name for name in images.COMPONENTS if name not in CONTROL_PLANE)


class Fleet:
    """The lab with a release in its registry, and the spec of a cluster of all its servers."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder, self.spec = lab, folder, folder / "cluster.yaml"
        workers = bring_up.WORKERS
        self.spec.write_text(bring_up.SPEC.format(name=lab.name, first=lab.nodes[0], workers=workers), encoding="utf-8")
        stock = images.Stock()
        if stock.find(images.COMPONENTS) is None:
            raise RuntimeError("the cache lacks images: run `fairlead images build`")
        self.all, self.workers = stock.get(*images.COMPONENTS), stock.get(*WORKER)

    def import_release(self) -> Figure:
        bundle = self.folder / "release.tar"
        self._fairlead("bundle", "create", "--kubernetes", RELEASE, "-o", str(bundle))
        seconds = timed(lambda: self._fairlead("bundle", "import", str(bundle)))
        size = bundle.stat().st_size / 1e6
        bundle.unlink()
        return Figure("`fairlead bundle import`", "s", 0, (seconds,), f"{size:.0f} MB")

    def needs(self, node: str) -> list[Built]:
        return self.all if node == self.lab.nodes[0] else self.workers

    def seed(self) -> str:
        """The server that is the seed, as soon as it serves."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for event in front.fairlead_json(self.lab, "events"):
                if event["kind"] == "seed-serves":
                    return str(event["message"]).partition(" ")[0]
            time.sleep(0.5)
        raise RuntimeError("no server became the seed of its zone")

    def clear(self) -> None:
        """No server has any of the images, nor has the seed. What they share with the agent's image stays."""
        names = " ".join(images.tags(self.all))
        self.on_each(lambda node: servers.script(node, f"docker rmi -f {names} >/dev/null 2>&1 || true; sync"))
        servers.script(self.seed(), EMPTY_SEED)

    def prefetch(self) -> int:
        """Bytes of what the first server had to get: the whole release, what images share once."""
        brought = front.fairlead_json(self.lab, "images", "prefetch", "-f", str(self.spec), timeout=SECONDS)
        return sum(int(each.get("size_bytes", 0)) for each in brought if each["node"].endswith(self.lab.nodes[0]))

    def load(self) -> None:
        self.on_each(lambda node: images.load(node, self.needs(node), lambda _: None))

    def sent(self) -> int:
        """Bytes that the registry beside the controller has written since it was started; it writes no files."""
        [process] = _processes(self.lab.registry_program)
        lines = (process / "io").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("wchar")).split()[1])

    def on_each(self, work: Callable[[str], object]) -> None:
        with ThreadPoolExecutor(len(self.lab.nodes)) as pool:
            list(pool.map(work, self.lab.nodes))

    def _fairlead(self, *words: str) -> None:
        front.fairlead(self.lab, *words, timeout=SECONDS)


def _processes(program: Path) -> list[Path]:
    """Those that run this program, in /proc."""
    return [place for place in Path("/proc").glob("[0-9]*") if _runs(place, program)]


def _runs(place: Path, program: Path) -> bool:
    try:
        return (place / "exe").readlink() == program.resolve()
    except OSError:
        return False


def figures(keep: bool = False) -> list[Figure]:
    """On a lab of its own."""
    with servers.lab(keep, LAB) as lab, tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(lab, Path(folder))
        imported = fleet.import_release()
        ours, floor, shares, size = list[float](), list[float](), list[float](), 0
        for _ in range(REPEATS):
            fleet.clear()
            before, began = fleet.sent(), time.perf_counter()
            size = fleet.prefetch()
            ours.append(time.perf_counter() - began)
            shares.append((fleet.sent() - before) / size)
            fleet.clear()
            floor.append(timed(fleet.load))
    return [
        ratio(f"A release to {len(LAB.nodes)} nodes at once, by `docker load` side by side", 1.3, ours, floor),
        Figure(
            "What the controller sends of it to their zone, by its size", "", 2.0, tuple(shares), f"{size / 1e6:.0f} MB"
        ),
        imported,
    ]


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
