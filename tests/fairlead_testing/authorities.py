"""A fleet's authority and identities of it, for tests: real keys and certificates, fixed moments."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairlead_controller.model.fleet import AuthorityRecord
from fairlead_controller.pki.authority import (
    new_fleet_authority,
    node_certificate,
    person_certificate,
    server_certificate,
)
from fairlead_controller.pki.signing import Stamp
from fairlead_controller.ports import Clock
from fairlead_testing.stores import counted_bytes
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import Principal, Role, key_pem, new_key, request_der


@dataclass
class FleetAuthority:
    """Makes credentials of one fleet. `now`: seconds since 1970, what the certificates are made at."""

    now: float
    fleet_id: str = "f1eet"
    clock: Clock = field(init=False)
    record: AuthorityRecord = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(lambda: self.now, counted_bytes())
        self.record = new_fleet_authority(self.fleet_id, self.stamp())

    def stamp(self) -> Stamp:
        return Stamp.of(self.clock)

    def server(self) -> Credentials:
        """What the controller serves with."""
        key = new_key()
        chain = server_certificate(self.record, self.fleet_id, key.public_key(), self.stamp())
        return Credentials(self.fleet_id, self.record.certificate, chain, key_pem(key))

    def node(self, node_id: str) -> Credentials:
        """What an enrolled agent holds."""
        key = new_key()
        chain = node_certificate(self.record, node_id, request_der(key), self.stamp())
        return Credentials(self.fleet_id, self.record.certificate, chain, key_pem(key))

    def person(self, name: str, role: Role, days: int = 30) -> Credentials:
        """What a person's context holds."""
        key = new_key()
        chain = person_certificate(self.record, Principal(name, role), key.public_key(), days, self.stamp())
        return Credentials(self.fleet_id, self.record.certificate, chain, key_pem(key))
