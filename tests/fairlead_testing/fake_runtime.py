"""An honest in-memory Runtime: no threads, no clock of its own, scripted. `tests/contract` holds it to the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fairlead_agent.runtime.container_spec import labels
from fairlead_agent.runtime.failures import not_pulled
from fairlead_agent.runtime.port import (
    PROTECTED,
    Container,
    ContainerStatus,
    EngineAway,
    EngineInfo,
    Login,
    NameTaken,
    NoSuchContainer,
    NoSuchImage,
    RestartPolicy,
    RuntimeEvent,
    RuntimeFailure,
)
from fairlead_wire.references import full_reference
from fairlead_wire.task import TaskKind, TaskSpec, digest

FIRST_RESTART_MS = 100
"""Docker waits 100 ms before it restarts a container, and twice as long each further time (up to a minute)."""
LONGEST_RESTART_MS = 60_000

INFO = EngineInfo("26.1.5", "1.45", "/var/lib/docker", "cgroupfs", 2, True, "node", "Debian GNU/Linux 13")


@dataclass(frozen=True)
class Program:
    """What a container does when it runs: prints `output`, then ends with `exit_code`, or runs on if that is None."""

    output: str = ""
    exit_code: int | None = None


@dataclass
class Held:
    """One container of the fake Engine."""

    id: str
    name: str
    labels: Mapping[str, str]
    image: str = ""
    program: Program = Program()
    policy: RestartPolicy = RestartPolicy.ALWAYS
    status: ContainerStatus = ContainerStatus.CREATED
    exit_code: int = 0
    restarts: int = 0
    started_ms: int = 0
    stopped_by_hand: bool = False
    restart_at_ms: int = 0
    log: list[str] = field(default_factory=list)
    spec: TaskSpec | None = None

    @property
    def component(self) -> str:
        return self.labels.get("fairlead.component", "")

    def seen(self) -> Container:
        cluster, digest = self.labels.get("fairlead.cluster", ""), self.labels.get("fairlead.hash", "")
        return Container(
            self.id,
            self.name,
            cluster,
            self.component,
            digest,
            self.image,
            self.status,
            self.exit_code,
            self.restarts,
            self.started_ms,
        )


class FakeRuntime:
    """Scripts, all changeable at any time:

    images, registry     references that are here; that can be pulled (a pull takes `pull_seconds` of `sleep`)
    unpullable           reference → the reason with which its pulls fail
    ids                  reference → image id, where it matters
    crashes              component → how many of its next starts end at once with exit code 1
    unstartable          component → the reason with which the next starts fail
    missing_sources      host paths that do not exist: a bind mount of one is refused
    programs             component → what its containers do (default: run on, print nothing)
    inside               (container's component, argv) → (exit code, output) of commands run inside
    away                 the Engine does not answer

    `now_ms` and `sleep` belong to the test's clock. What time brings (Docker's restarts) happens at the next call
    after it is due, or at `catch_up`.
    """

    def __init__(
        self,
        images: Iterable[str] = (),
        registry: Iterable[str] = (),
        now_ms: Callable[[], int] = lambda: 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        info: EngineInfo = INFO,
    ) -> None:
        self.images, self.registry, self.info = set(images), set(registry), info
        self.crashes: dict[str, int] = {}
        self.unstartable: dict[str, str] = {}
        self.missing_sources: set[str] = set()
        self.programs: dict[str, Program] = {}
        self.inside: Callable[[str, tuple[str, ...]], tuple[int, str]] = lambda component, argv: (0, "")
        self.pull_seconds = 0.0
        self.unpullable: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.away = False
        self.calls: list[str] = []
        self._now_ms, self._sleep = now_ms, sleep
        self._held: dict[str, Held] = {}
        self._listeners: list[asyncio.Queue[RuntimeEvent | None]] = []
        self._made = 0

    # the port

    async def engine(self) -> EngineInfo:
        self._enter("engine")
        return self.info

    async def containers(self) -> tuple[Container, ...]:
        self._enter("containers")
        ours = (held for held in self._held.values() if held.component)
        return tuple(sorted((held.seen() for held in ours), key=lambda item: item.name))

    async def has_image(self, reference: str) -> bool:
        self._enter(f"has_image {reference}")
        return self._here(reference) is not None

    async def image_id(self, reference: str) -> str:
        self._enter(f"image_id {reference}")
        here = self._here(reference)
        return "" if here is None else self._id(here)

    async def pull(self, reference: str, login: Login | None = None) -> None:
        self._enter(f"pull {reference}" + (f" as {login.username}" if login else ""))
        await self._sleep(self.pull_seconds)
        self._answer()
        if reference not in self.registry:
            raise not_pulled(reference, self.unpullable.get(reference, "the registry has no such image"))
        self.images.add(reference)

    async def tag(self, reference: str, name: str) -> None:
        self._enter(f"tag {reference} {name}")
        here = self._here(reference)
        if here is None:
            raise NoSuchImage(f"No such image: {reference}")
        self.images.add(name)
        self.ids[name] = self._id(here)

    async def forget_image(self, reference: str) -> None:
        self._enter(f"forget_image {reference}")
        here = self._here(reference)
        if here is None:
            return
        identity = self._id(here)
        is_last = all(self._id(other) != identity for other in self.images - {here})
        if is_last and any(self._here(held.image) == here for held in self._held.values() if held.image):
            raise RuntimeFailure(f"conflict: unable to remove {reference}: a container is using it")
        self.images.discard(here)
        self.ids.pop(here, None)

    async def create(self, cluster: str, spec: TaskSpec, name: str) -> str:
        self._enter(f"create {name}")
        self._refuse_taken(name)
        if self._here(spec.image) is None:
            raise NoSuchImage(f"No such image: {spec.image}")
        for mount in spec.mounts:
            if mount.source in self.missing_sources:
                raise RuntimeFailure(f"invalid mount config: bind source path does not exist: {mount.source}")
        program = self.programs.get(spec.component, Program())
        policy = RestartPolicy.NO if spec.kind is TaskKind.JOB else RestartPolicy.ALWAYS
        return self._add(Held("", name, labels(cluster, spec), spec.image, program, policy, spec=spec))

    async def start(self, container_id: str) -> None:
        held = self._get("start", container_id)
        if held.status is ContainerStatus.RUNNING:
            return
        if reason := self.unstartable.get(held.component):
            raise RuntimeFailure(reason)
        held.stopped_by_hand = False
        self._run(held)

    async def stop(self, container_id: str, seconds: int) -> None:
        held = self._get("stop", container_id)
        if held.status not in (ContainerStatus.RUNNING, ContainerStatus.RESTARTING):
            return
        held.stopped_by_hand = True
        self._end(held, 143)
        self._emit("stop", held)

    async def remove(self, container_id: str) -> None:
        self._enter(f"remove {self._named(container_id)}")
        if held := self._held.pop(container_id, None):
            if held.status is ContainerStatus.RUNNING:
                self._emit("die", held, 137)
            self._emit("destroy", held)

    async def rename(self, container_id: str, name: str) -> None:
        held = self._get(f"rename to {name}:", container_id)
        self._refuse_taken(name)
        held.name = name
        self._emit("rename", held)

    async def set_restart(self, container_id: str, policy: RestartPolicy) -> None:
        held = self._get(f"set_restart {policy.value}", container_id)
        held.policy = policy
        self._emit("update", held)

    async def logs(self, container_id: str, lines: int) -> str:
        return "".join(self._get("logs", container_id).log[-lines:])

    async def run_inside(self, container_id: str, argv: tuple[str, ...], timeout: float) -> tuple[int, str]:
        held = self._get(f"run_inside {argv[0]}", container_id)
        if held.status is not ContainerStatus.RUNNING:
            raise RuntimeFailure(f"Container {container_id} is not running")
        return self.inside(held.component, argv)

    async def remove_labelled(self, label: str) -> int:
        self._enter(f"remove_labelled {label}")
        key, _, value = label.partition("=")
        found = [
            held.id
            for held in self._held.values()
            if held.labels.get(key) == value and not set(PROTECTED) & set(held.labels)
        ]
        for identity in found:
            await self.remove(identity)
        return len(found)

    def events(self) -> AsyncIterator[RuntimeEvent]:
        queue: asyncio.Queue[RuntimeEvent | None] = asyncio.Queue()
        if self.away:
            queue.put_nowait(None)
        self._listeners.append(queue)
        return self._listen(queue)

    # the script

    def add(self, name: str, carried: Mapping[str, str]) -> str:
        """A running container that is not of the agent's making (a pod's, a stranger's); its id."""
        identity = self._add(Held("", name, dict(carried), status=ContainerStatus.RUNNING))
        self._held[identity].started_ms = self._now_ms()
        return identity

    def held(self, name: str) -> Held:
        """The container of that name. Raises KeyError."""
        return {held.name: held for held in self._held.values()}[name]

    def die(self, name: str, exit_code: int = 1) -> None:
        """The container's process ends by itself."""
        self._end(self.held(name), exit_code)

    def go_away(self) -> None:
        """The Engine stops answering; streams of events end."""
        self.away = True
        for queue in self._listeners:
            queue.put_nowait(None)
        self._listeners.clear()

    def come_back(self, live_restore: bool = True) -> None:
        """The Engine answers again. Without live-restore its containers were stopped and restart by their policy."""
        self.away = False
        for held in self._held.values():
            if live_restore or held.status not in (ContainerStatus.RUNNING, ContainerStatus.EXITED):
                continue
            held.status = ContainerStatus.EXITED
            if held.policy is RestartPolicy.ALWAYS:
                self._run(held)

    def catch_up(self) -> None:
        """Lets happen what is due by now: the restarts of containers that ended."""
        for held in list(self._held.values()):
            if held.status is ContainerStatus.RESTARTING and held.restart_at_ms <= self._now_ms():
                held.restarts += 1
                self._run(held)

    # inner

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        self._answer()
        self.catch_up()

    def _answer(self) -> None:
        if self.away:
            raise EngineAway("Docker does not answer")

    def _here(self, reference: str) -> str | None:
        """The name under which the image is here: Docker completes names before it compares them."""
        if reference in self.images:
            return reference
        full = full_reference(reference)
        return next((name for name in sorted(self.images) if full_reference(name) == full), None)

    def _id(self, name: str) -> str:
        return self.ids.get(name) or f"sha256:{digest(full_reference(name).encode())}"

    def _get(self, call: str, container_id: str) -> Held:
        self._enter(f"{call} {self._named(container_id)}")
        if container_id not in self._held:
            raise NoSuchContainer(f"No such container: {container_id}")
        return self._held[container_id]

    def _named(self, container_id: str) -> str:
        held = self._held.get(container_id)
        return held.name if held else container_id

    def _refuse_taken(self, name: str) -> None:
        if any(held.name == name for held in self._held.values()):
            raise NameTaken(f'Conflict. The container name "/{name}" is already in use by container.')

    def _add(self, held: Held) -> str:
        self._made += 1
        held.id = f"{self._made:064x}"
        self._held[held.id] = held
        self._emit("create", held)
        return held.id

    def _run(self, held: Held) -> None:
        held.status, held.started_ms, held.exit_code = ContainerStatus.RUNNING, self._now_ms(), 0
        held.log += held.program.output.splitlines(keepends=True)
        self._emit("start", held)
        left = self.crashes.get(held.component, 0)
        if left:
            self.crashes[held.component] = left - 1
            self._end(held, 1)
        elif held.program.exit_code is not None:
            self._end(held, held.program.exit_code)

    def _end(self, held: Held, exit_code: int) -> None:
        held.exit_code, held.status = exit_code, ContainerStatus.EXITED
        if held.policy is RestartPolicy.ALWAYS and not held.stopped_by_hand:
            wait = min(FIRST_RESTART_MS * 2**held.restarts, LONGEST_RESTART_MS)
            held.status, held.restart_at_ms = ContainerStatus.RESTARTING, self._now_ms() + wait
        self._emit("die", held, exit_code)

    def _emit(self, action: str, held: Held, exit_code: int = 0) -> None:
        if held.component:
            for queue in self._listeners:
                queue.put_nowait(RuntimeEvent(action, held.id, held.component, exit_code))

    async def _listen(self, queue: asyncio.Queue[RuntimeEvent | None]) -> AsyncIterator[RuntimeEvent]:
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            if queue in self._listeners:
                self._listeners.remove(queue)
