"""The parts of an image with their licences, put together from its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce

from fairlead_cli.bundle.document import UNKNOWN, Part
from fairlead_cli.bundle.licences import debian, layer, python_dists
from fairlead_cli.bundle.licences.go_info import GoInfo
from fairlead_cli.images.archive import Blob

GO_LICENCE = "BSD-3-Clause"  # of Go's own library, which is in every program


class Survey:
    """Reads each layer once, however many images have it. `go_licences`: module path → SPDX expression."""

    def __init__(self, go_licences: Mapping[str, str]) -> None:
        self._go_licences = go_licences
        self._layers: dict[str, layer.Found] = {}

    def of_image(self, layers: Sequence[Blob]) -> tuple[Part, ...]:
        """The parts of an image by its layers, the lowest first."""
        found = reduce(lambda lower, upper: upper.upon(lower), map(self._layer, layers), layer.Found())
        parts = {*self.of_go(found.go.values()), *_debian(found), *_python(found)}
        return tuple(sorted(parts, key=lambda one: (one.kind, one.name, one.version)))

    def of_go(self, programs: Iterable[GoInfo]) -> Iterator[Part]:
        """The modules of Go programs, and Go itself."""
        for program in programs:
            version = program.toolchain.split()[0].removeprefix("go")
            yield Part(kind="go", name="std", version=version, licence=GO_LICENCE)
            for one in program.modules:
                known = self._go_licences.get(one.path, UNKNOWN)
                yield Part(kind="go", name=one.path, version=one.version, licence=known)

    def _layer(self, blob: Blob) -> layer.Found:
        if blob.digest not in self._layers:
            self._layers[blob.digest] = layer.read(blob)
        return self._layers[blob.digest]


def _debian(found: layer.Found) -> Iterator[Part]:
    texts = {match[1]: text for path, text in found.texts.items() if (match := layer.COPYRIGHT.fullmatch(path))}
    links = {path.rpartition("/")[2]: target for path, target in found.links.items()}
    licences = {package: debian.licence(text) for package, text in texts.items()}
    for name, version in debian.packages(found.texts.get(layer.STATUS, "")):
        known = debian.licence_of(name, licences, links)
        yield Part(kind="debian", name=name, version=version, licence=known)


def _python(found: layer.Found) -> Iterator[Part]:
    for path, text in found.texts.items():
        if layer.METADATA.fullmatch(path):
            yield python_dists.part(text)
