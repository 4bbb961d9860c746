"""Commands of Docker's whose first argument ends their own words: all after IMAGE or CONTAINER is somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from fairlead_cli.commands.options import examples
from fairlead_cli.docker.command import DockerCommand, Function
from fairlead_wire.errors import Invalid


class CommandLast(DockerCommand):
    """`run` and `exec`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = {name: option for option in self.params if hasattr(option, "is_flag") for name in option.opts}
        own, rest = divided(args, {name: not option.is_flag for name, option in options.items()})
        return super().parse_args(ctx, own if not rest else [*own, "--", *rest])


def divided(args: Sequence[str], options: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """The command's own words, and its arguments. `options`: each, and whether it takes a value. Pure.

    `-x=VALUE`, as Docker has it, is `-x VALUE`.
    """
    own: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            return own, [word, *words]
        if options.get(word[:2]) and word[2:3] == "=":
            own += [word[:2], word[3:]]
        else:
            own += [word, *([next(words, "")] if _takes_next(word, options) else ())]
    return own, list(words)


def _takes_next(word: str, options: Mapping[str, bool]) -> bool:
    if word.startswith("--"):
        return options.get(word, False)
    for at, letter in enumerate(word[1:], 2):
        if options.get(f"-{letter}"):
            return at == len(word)
    return False


def texts(files: Iterable[Path]) -> dict[str, str]:
    """What --env-file names: contents by name. Raises Invalid for what can't be read."""
    try:
        return {str(path): path.read_text("utf-8") for path in files}
    except OSError as error:
        raise Invalid(f"{error.filename} can't be read: {error.strerror}.", "Check --env-file.") from None
    except UnicodeDecodeError:
        raise Invalid("A file of variables is no text in UTF-8.", "Check --env-file.") from None


def command_last(app: typer.Typer, *lines: str) -> Callable[[Function], Function]:
    """As `docker_command`. `-h` is none of its help: for Docker it is --hostname."""
    own = {"help_option_names": ["--help"]}
    return app.command(cls=CommandLast, context_settings=own, epilog=examples(*lines))
