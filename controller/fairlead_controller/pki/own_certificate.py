"""What the controller itself is known by: a key and a certificate, never on a disk and never near their end."""

from __future__ import annotations

from threading import Lock

import structlog

from fairlead_controller.model.fleet import AuthorityRecord
from fairlead_controller.pki.authority import SERVER_DAYS, server_certificate
from fairlead_controller.pki.signing import BACKDATED, Stamp
from fairlead_controller.ports import Clock
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import key_pem, new_key

_log = structlog.get_logger(__name__)

# A controller may run for years. Half of life, as with the components' certificates: months are left if the clock
# of one side is wrong.
RENEW_SECONDS = SERVER_DAYS * 24 * 3600.0 / 2


class OwnCertificate:
    """Fresh at each start, and again whenever half of its life is over."""

    def __init__(self, fleet_id: str, authority: AuthorityRecord, clock: Clock) -> None:
        self._fleet_id, self._authority, self._clock = fleet_id, authority, clock
        self._alone = Lock()
        self._made_at = clock.now()
        self._held = self._make()

    def held(self) -> Credentials:
        """What new connections are shown now; for any thread."""
        with self._alone:
            now = self._clock.now()
            # A clock that was set back by more has the certificate begin in the future, which is as bad as its end.
            if not -BACKDATED.total_seconds() <= now - self._made_at < RENEW_SECONDS:
                self._made_at, self._held = now, self._make()
                _log.info("the controller's certificate was renewed")
            return self._held

    def _make(self) -> Credentials:
        key = new_key()
        chain = server_certificate(self._authority, self._fleet_id, key.public_key(), Stamp.of(self._clock))
        return Credentials(self._fleet_id, self._authority.certificate, chain, key_pem(key))
