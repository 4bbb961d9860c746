"""Calls of other programs: every one with a deadline, every failure as one sentence with what to do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread, Timer

from fairlead_wire.errors import FairleadError


class LabError(FairleadError):
    """Something the lab could not do: the problem in one sentence, and what to do next."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(f"{problem[:1].upper()}{problem[1:]}.", f"{advice.rstrip('.')}." if advice else "")


@dataclass(frozen=True)
class Result:
    """How a program ended: its exit code and what it wrote."""

    code: int
    output: str
    errors: str

    @property
    def ok(self) -> bool:
        """True when the program ended well."""
        return self.code == 0

    @property
    def last_words(self) -> str:
        """The last line that says something, of the errors or else of the output."""
        lines = [line.strip() for line in (self.errors or self.output).splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


class Children:
    """The programs that run now, so that Ctrl-C can end them all, and the word that none may begin any more."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = Lock()
        self.stopping = Event()

    @contextmanager
    def running(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """Counts a program for the length of a block."""
        with self._lock:
            self._running.add(process)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """Asks every program to end; those that wait for one see it end."""
        self.stopping.set()
        with self._lock:
            for process in self._running:
                process.terminate()


CHILDREN = Children()


def attempt(
    words: Sequence[str | Path],
    *,
    timeout: float,
    stdin: str | None = None,
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """Runs a program to its end and tells how it went; a missing program is code 127, a late one 124.

    It reads the text `stdin` or the file, else nothing; `on_line` gets each line of its output at once.
    Raises LabError when Ctrl-C was pressed meanwhile.
    """
    refuse_when_stopping()
    command = [str(word) for word in words]
    with ExitStack() as stack:
        source = stack.enter_context(file.open("rb")) if file else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                command,
                stdin=source if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**os.environ, **(env or {})},
            )
        except FileNotFoundError:
            return Result(127, "", f"{command[0]}: no such program")
        with process, CHILDREN.running(process):
            result = finish(process, stdin, timeout) if on_line is None else stream(process, on_line, timeout)
    refuse_when_stopping()
    return result


def finish(process: subprocess.Popen[str], stdin: str | None, timeout: float) -> Result:
    """Waits for a program, and ends it when it is late."""
    try:
        output, errors = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return late(process, timeout)
    return Result(process.returncode, output, errors)


def stream(process: subprocess.Popen[str], on_line: Callable[[str], None], timeout: float) -> Result:
    """Hands on a program's output line by line, and ends it when it is late; its errors come at its end."""
    assert process.stdout is not None
    assert process.stderr is not None
    alarm = Timer(timeout, process.kill)
    alarm.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        on_line(line.strip())
    errors, code = process.stderr.read(), process.wait()
    in_time = alarm.is_alive()
    alarm.cancel()
    return Result(code, "".join(lines), errors) if in_time else late(process, timeout)


def late(process: subprocess.Popen[str], timeout: float) -> Result:
    """The result of a program that had to be ended, as timeout(1) numbers it."""
    assert isinstance(process.args, list)
    return Result(124, "", f"{process.args[0]} did not end within {timeout:g} s")


def refuse_when_stopping() -> None:
    """Raises LabError when Ctrl-C was pressed: nothing new begins."""
    if CHILDREN.stopping.is_set():
        raise LabError("stopped", "Run it again to continue")


def require(
    words: Sequence[str | Path],
    *,
    timeout: float,
    advice: str,
    stdin: str | None = None,
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Runs a program that must end well and returns its output without the last newline.

    Raises LabError with the program's last words and the advice.
    """
    result = attempt(words, timeout=timeout, stdin=stdin, file=file, env=env)
    if not result.ok:
        name = " ".join([Path(words[0]).name, *(str(word) for word in words[1:3])])
        raise LabError(f"`{name} …` failed: {result.last_words.rstrip('.')}", advice)
    return result.output.rstrip("\n")


def start_detached(words: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> int:
    """Starts a program that outlives this one, in a session of its own, writing to `log`; its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, **(env or {})},
            cwd="/",
        )
    # Should it end while we still run, somebody has to take note, or it stays behind as a zombie.
    Thread(target=process.wait, daemon=True, name=f"waits for {process.pid}").start()
    return process.pid


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log file, for a message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
