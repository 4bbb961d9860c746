"""Whether the registries that have the upstream images answer from here."""

from __future__ import annotations

import urllib.error
import urllib.request

PROBED = "https://registry.k8s.io/v2/"
PROBE_SECONDS = 3.0


class Registries:
    """Asks once in a run, and for a short time: where nothing answers, a build should begin at once."""

    def __init__(self, address: str = PROBED, timeout: float = PROBE_SECONDS) -> None:
        self._address = address
        self._timeout = timeout
        self._answer: bool | None = None

    def answer(self) -> bool:
        """Whether an image can be pulled; the first call may take `timeout` seconds."""
        if self._answer is None:
            self._answer = self._ask()
        return self._answer

    def _ask(self) -> bool:
        try:
            with urllib.request.urlopen(self._address, timeout=self._timeout) as reply:  # noqa: S310
                return int(reply.status) == 200
        except urllib.error.HTTPError as error:
            return error.code == 401  # a registry that wants a token, as Docker then gets it
        except (OSError, ValueError):
            return False
