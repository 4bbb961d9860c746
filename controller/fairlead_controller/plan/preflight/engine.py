"""Checks of the Docker Engine."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead_controller.plan import catalogue
from fairlead_controller.plan.preflight.case import Case, Fault, error, warning
from fairlead_wire.facts import version_tuple

DAEMON = "/etc/docker/daemon.json"
RESTART = f"in {DAEMON} and restart Docker"


def docker(case: Case) -> Iterator[Fault]:
    """cri-dockerd speaks one version of Docker's API and doesn't negotiate; the planner sets the lower of the two."""
    engine, api = case.seen.engine, version_tuple(case.facts.docker_api)
    if not engine.answers:
        yield error("Docker does not answer.", "Start it with `systemctl start docker`, and look at its log.")
        return
    if api and api < catalogue.OLDEST_DOCKER_API:
        oldest = ".".join(map(str, catalogue.OLDEST_DOCKER_API))
        yield error(
            f"Docker Engine {case.facts.docker_version} has API {case.facts.docker_api}, and cri-dockerd asks for "
            f"{oldest}.",
            "Install Docker Engine 23 or newer: from docker.com, or Debian 13's `docker.io`.",
        )
    if version_tuple(engine.oldest_api) > version_tuple(catalogue.CRI_DOCKER_API):
        yield error(
            f"Docker Engine {case.facts.docker_version} takes no API before {engine.oldest_api}, and cri-dockerd "
            f"speaks {catalogue.CRI_DOCKER_API}.",
            f'Set "min-api-version": "{catalogue.CRI_DOCKER_API}" {RESTART}.',
        )


def image_store(case: Case) -> Iterator[Fault]:
    """The kubelet frees space by what cri-dockerd tells of Docker's root directory."""
    if case.seen.engine.containerd_store:
        yield warning(
            "Docker keeps images in containerd's store, and cri-dockerd looks for their size in Docker's own root "
            "directory, so unused images are not removed in time when the disk fills up.",
            f'Set "features": {{"containerd-snapshotter": false}} {RESTART}; images are pulled again then.',
        )
    if case.seen.engine.storage_driver == "vfs":
        yield warning(
            "Docker's storage driver is vfs, which copies a whole image for every container.",
            f'Set "storage-driver": "overlay2" {RESTART}.',
        )


def logging_driver(case: Case) -> Iterator[Fault]:
    driver = case.seen.engine.logging_driver
    if driver != "json-file":
        yield error(
            f"Docker's logging driver is {driver or 'not set'}, and `kubectl logs` can read json-file alone.",
            f'Set "log-driver": "json-file" {RESTART}.',
        )


def user_namespaces(case: Case) -> Iterator[Fault]:
    if case.seen.engine.rootless:
        yield error(
            "Docker runs without root, and kubelet and kube-proxy need root on the host.",
            "Install the ordinary Docker Engine, and start the agent in it.",
        )
    elif case.seen.engine.userns_remap:
        yield error(
            "Docker remaps users (userns-remap), and the components' containers need the host's root.",
            f'Take "userns-remap" out of {DAEMON} and restart Docker.',
        )


def live_restore(case: Case) -> Iterator[Fault]:
    if case.seen.engine.answers and not case.facts.live_restore:
        yield warning(
            "Docker's live-restore is off, so a restart of Docker stops every pod on this node.",
            f'Set "live-restore": true in {DAEMON}, then `systemctl reload docker`.',
        )


def mount_propagation(case: Case) -> Iterator[Fault]:
    """A host whose own `/` is not shared is no fault: the agent makes /var/lib/kubelet a shared mount."""
    if case.seen.engine.private_mounts:
        yield error(
            "Docker runs in a mount namespace of its own, so volumes that the kubelet mounts don't reach pods.",
            "Take MountFlags= and PrivateMounts= out of docker.service, then `systemctl daemon-reload` and restart "
            "Docker; a Docker from snap has to give way to an ordinary one.",
        )
