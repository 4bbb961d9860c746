"""Which fleet this server is a node of: the identity that it has, and what becomes of a token that lies beside it."""

from __future__ import annotations

import logging

from cryptography import x509

from fairlead_agent import disk_failures
from fairlead_agent.enrol import Enrolment
from fairlead_agent.identity_store import Identity
from fairlead_wire.errors import FairleadError, Invalid, Unreachable
from fairlead_wire.identity import public_key_digest

_log = logging.getLogger(__name__)


class Membership:
    """A token of another fleet is used at once: someone means this server to go there. One of the own fleet is used
    only once the controller no longer knows the identity; while it does, the token is not needed and is dropped."""

    def __init__(self, enrolment: Enrolment) -> None:
        self._enrolment = enrolment
        self._store = enrolment.store
        self._refused = b""

    async def identity(self, known: Identity | None, disowned: bool) -> Identity:
        """The identity for the next session. `disowned`: the controller has refused the known one.

        Waits for a token where there is no identity at all.
        """
        if known is None:
            return await self._enrolment.until_enrolled()
        token_file = self._store.fingerprint()
        if token_file in (b"", self._refused) or not (disowned or self._leads_elsewhere(known)):
            return known
        try:
            return await self._enrolment.once() or known
        except OSError as error:
            _log.warning("The join token can't be used: %s.", disk_failures.sentence(error, self._store.token_path))
        except Unreachable as error:
            _log.warning("%s", error)
        except FairleadError as error:
            self._refused = token_file
            _log.warning("%s The node stays what it is.", error)
        return known

    def confirmed(self) -> None:
        """The controller knows the identity: a token that still lies there is of the same fleet."""
        if self._store.fingerprint():
            self._store.forget_token()
            _log.info("this server is a node of the join token's fleet already; the token was not used")

    def _leads_elsewhere(self, known: Identity) -> bool:
        try:
            token = self._store.token()
        except Invalid:
            return True  # the attempt to use it says what is wrong with it
        authority = x509.load_pem_x509_certificate(known.authority.encode())
        return token is not None and token.authority_digest != public_key_digest(authority)
