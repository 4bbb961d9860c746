"""Files, certificates and images: what is wanted of them, what is missing, and what is done about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from fairlead_agent import renewal
from fairlead_agent.instructions import (
    EnsureImage,
    Inspect,
    Instruction,
    IssueCertificates,
    WriteFile,
    certificate_lane,
)
from fairlead_agent.machine_standing import Standing, needs_image, standing, stands
from fairlead_agent.view import Fallback, Moment, View
from fairlead_wire.assignment import CertificateSpec, FileSpec
from fairlead_wire.task import OnChange, TaskSpec, canonical_json, digest

Item = TypeVar("Item", FileSpec, CertificateSpec)

RESYNC_SECONDS = 30.0
_FIRST = ("etcd", "kube-apiserver")
_LAST = len(_FIRST) + 1


def wanted_files(view: View) -> Mapping[str, FileSpec]:
    """What the host is to hold now: of a component whose predecessor runs, the predecessor's files."""
    if view.leaving:
        return {}
    wanted = {file.path: file for file in view.assignment.files}
    for task in view.assignment.tasks:
        fallback = view.memory.fallbacks.get(task.component)
        if fallback is not None and keeps_old(view, task) and stands(view, task, fallback.hash):
            wanted |= {file.path: file for file in fallback.files}
    return wanted


def keeps_old(view: View, task: TaskSpec) -> bool:
    """Whether what runs, or is to run again, is the task's predecessor: then its files are kept, not the new ones.

    The new ones are the last thing to be made ready: until then a crash of the predecessor must find its own.
    """
    stand, failed = standing(view, task), view.failure(task) is not None
    if stand is Standing.WRONG:
        return failed or not view.online or task.image not in view.images or bool(_certificates_awaited(view, task))
    return failed and stand in (Standing.BETWEEN, Standing.CONFIRMING)


def wanted_certificates(view: View) -> tuple[CertificateSpec, ...]:
    return () if view.leaving else view.assignment.certificates


def file_is_right(view: View, file: FileSpec) -> bool:
    state = view.files.get(file.path)
    return state is not None and state.digest == file.digest and state.mode == file.mode


def certificate_serves(view: View, spec: CertificateSpec) -> bool:
    """Whether a component may start with it. With the controller away what is there has to do."""
    state = view.certificates.get(spec.path)
    if state is None:
        return False
    return (state.good and state.spec == spec) or (state.present and not view.online)


def waits_for(view: View, task: TaskSpec) -> str:
    """ "" when all inputs of the task are there, else for what it waits."""
    files = {file.path: file for file in view.assignment.files}
    for item in task.inputs:
        file = files.get(item.path)
        if file is not None and not file_is_right(view, file):
            return _why(view, file.key, f"waits for the file {file.path}")
    awaited = _certificates_awaited(view, task)
    return _certificate_wait(view, awaited[0]) if awaited else ""


def _certificates_awaited(view: View, task: TaskSpec) -> list[CertificateSpec]:
    read = {item.path for item in task.inputs}
    return [spec for spec in view.assignment.certificates if spec.path in read and not certificate_serves(view, spec)]


def old_waits_for(view: View, fallback: Fallback | None) -> str:
    """The same for the files of a predecessor that is to run again."""
    files = fallback.files if fallback is not None else ()
    return next((f"waits for the file {file.path}" for file in files if not file_is_right(view, file)), "")


def fingerprint(view: View, task: TaskSpec) -> str:
    """Stands for the content of all inputs that the running process is told of by a signal; "" without any."""
    paths = sorted(item.path for item in task.inputs if item.on_change is OnChange.SIGNAL)
    return _fingerprint(tuple((path, _digest_of(view, path)) for path in paths)) if paths else ""


@lru_cache(maxsize=64)
def _fingerprint(contents: tuple[tuple[str, str], ...]) -> str:
    """Asked for in each round, and mostly for what it was asked for before."""
    return digest(canonical_json([list(content) for content in contents]).encode())


def keep(view: View, now: Moment) -> Iterator[Instruction]:
    """What makes files, certificates and images as they should be; what is waited for longest comes first."""
    yield from _inspection(view, now)
    yield from _certificates(view, now)
    yield from _writes(view, now)
    yield from _images(view, now)


def _inspection(view: View, now: Moment) -> Iterator[Instruction]:
    files, certificates = wanted_files(view), wanted_certificates(view)
    unknown = any(path not in view.files for path in files) or any(
        (state := view.certificates.get(spec.path)) is None or state.spec != spec for spec in certificates
    )
    due = view.inspection_due <= now.steady
    if (files or certificates) and (due or unknown) and view.free("inspection", now):
        yield Inspect(now.steady, tuple(files), certificates)


def _ranked(view: View, items: Sequence[Item]) -> list[Item]:
    """Files or certificates, what most waits for first. Mostly there are none to rank."""
    if not items:
        return []
    ranks = _ranks(view)
    return sorted(items, key=lambda item: ranks.get(item.path, _LAST))


def _ranks(view: View) -> Mapping[str, int]:
    """Path → how much waits for it: everything else in a cluster waits for etcd, and then for the apiserver."""
    ranks: dict[str, int] = {}
    for task in view.assignment.tasks:
        rank = _FIRST.index(task.component) if task.component in _FIRST else len(_FIRST)
        for item in task.inputs:
            ranks[item.path] = min(rank, ranks.get(item.path, rank))
    return ranks


def _writes(view: View, now: Moment) -> Iterator[Instruction]:
    """All at once: the host makes them durable together."""
    wrong = [file for file in wanted_files(view).values() if _is_to_be_written(view, file, now)]
    for file in _ranked(view, wrong):
        yield WriteFile(view.assignment.cluster, file)


def _is_to_be_written(view: View, file: FileSpec, now: Moment) -> bool:
    known = file.path in view.files and file.key not in view.refusals
    return known and not file_is_right(view, file) and view.free(file.key, now)


def _certificates(view: View, now: Moment) -> Iterator[Instruction]:
    """One call for all certificates of a directory, which is one component's: it need not wait for the others'."""
    if not view.online:
        return
    groups: dict[str, list[CertificateSpec]] = {}
    for spec in _ranked(view, [spec for spec in wanted_certificates(view) if _is_to_be_issued(view, spec, now)]):
        groups.setdefault(certificate_lane(spec), []).append(spec)
    for lane, specs in groups.items():
        if view.free(lane, now):
            yield IssueCertificates(view.assignment.cluster, tuple(specs))


def _is_to_be_issued(view: View, spec: CertificateSpec, now: Moment) -> bool:
    state = view.certificates.get(spec.path)
    if state is None or state.spec != spec or spec.key in view.refusals:
        return False  # not known yet: the inspection comes first
    return not state.good or renewal.component_due(state.not_before, state.not_after, now.wall)


def _images(view: View, now: Moment) -> Iterator[Instruction]:
    if not view.engine or not view.listed:
        return
    wanted = {task.image for task in view.assignment.tasks if needs_image(view, task)}
    for reference in sorted(wanted - view.images):
        if view.free(f"image/{reference}", now):
            yield EnsureImage(reference)


def _certificate_wait(view: View, spec: CertificateSpec) -> str:
    if spec.key in view.refusals:
        return _why(view, spec.key, f"waits for the certificate {spec.path}")
    if not view.online:
        return f"waits for the controller to sign {spec.path}"
    return _why(view, certificate_lane(spec), f"waits for the certificate {spec.path}")


def _why(view: View, lane: str, waits: str) -> str:
    attempt = view.attempts.get(lane)
    reason = view.refusals.get(lane, "") or (attempt.message if attempt is not None else "")
    return f"{waits}: {reason}" if reason else waits


def _digest_of(view: View, path: str) -> str:
    file, certificate = view.files.get(path), view.certificates.get(path)
    if file is not None:
        return file.digest
    return certificate.digest if certificate is not None else ""
