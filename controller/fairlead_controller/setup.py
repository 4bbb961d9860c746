"""Making a fleet, and certificates for its people, on the controller's own machine."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from fairlead_controller.config import endpoint
from fairlead_controller.model.event import Event
from fairlead_controller.model.fleet import FLEET, AuthorityRecord, FleetRecord
from fairlead_controller.pki.authority import new_fleet_authority, person_certificate
from fairlead_controller.pki.signing import Stamp
from fairlead_controller.ports import Clock
from fairlead_controller.private_file import write_private
from fairlead_controller.store.engine import DATABASE
from fairlead_controller.store.keys import KeyKind, KeySource, make_key_file
from fairlead_controller.store.port import Repositories
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_wire.errors import Denied, FairleadError, Invalid, Missing, Refused
from fairlead_wire.identity import Principal, Role, key_pem, new_key

KEY_FILE = "seal.key"
ADMIN_DAYS = 365
FLEET_ID_BYTES = 6
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True)
class NewFleet:
    """`address`: how servers and people reach the controller."""

    address: str
    enrol_port: int
    fleet_port: int


@dataclass(frozen=True)
class Issued:
    """A certificate for a person, the context file that it goes to, and how long it lasts."""

    principal: Principal
    context_file: Path
    context_name: str = ""
    days: int = ADMIN_DAYS


def default_key(data: Path) -> KeySource:
    """A file beside the database; people may say another place."""
    return KeySource(KeyKind.FILE, str((data / KEY_FILE).resolve()))


def key_source(key_file: Path | None, passphrase_file: Path | None, credential: bool) -> KeySource | None:
    """What the options say, None for nothing. Raises Invalid for more than one."""
    said = [KeySource(KeyKind.FILE, str(key_file.resolve()))] if key_file else []
    said += [KeySource(KeyKind.PASSPHRASE, str(passphrase_file.resolve()))] if passphrase_file else []
    said += [KeySource(KeyKind.CREDENTIAL)] if credential else []
    if len(said) > 1:
        raise Invalid("The sealing key was given in more than one way.", "Give one of the three options.")
    return said[0] if said else None


def person(name: str, role: str) -> Principal:
    """Raises Invalid for a name that an event log could not show."""
    if not _PERSON.fullmatch(name):
        raise Invalid(
            f"{name!r} can't be the name of a person or program.",
            "Use 1 to 64 letters, digits and . _ @ + - (as in alice or alice@example.com).",
        )
    return Principal(name, Role(role))


async def init(data: Path, new: NewFleet, key: KeySource, admin: Issued, clock: Clock) -> FleetRecord:
    """Makes a fleet in `data`, and writes the context of its first admin.

    Interrupted, it can be run again. Raises Refused if `data` holds a fleet, Invalid for a bad address.
    """
    fleet = _fleet(new, clock)
    make_folder(data)
    if key.kind is KeyKind.FILE and not (data / DATABASE).exists():
        _write_key(Path(key.path), clock)
    store = SqliteStore.create(data, key, clock.random_bytes)
    try:
        authority = await store.write(lambda repositories: _make(repositories, fleet, data, clock))
    finally:
        await store.close()
    _write_context(admin, fleet, authority, clock)
    return fleet


async def admin_cert(data: Path, issued: Issued, clock: Clock, key: KeySource | None = None) -> FleetRecord:
    """Issues a certificate for a person or program and writes its context; works while the controller runs."""
    if issued.principal.role is Role.AGENT:
        raise Denied("Agents get their certificates by enrolling.", "Use `fairlead token create`.")
    store = SqliteStore.open_beside(data, key)
    try:
        fleet, authority = await store.write(lambda repositories: _issue(repositories, data, issued, clock))
    finally:
        await store.close()
    _write_context(issued, fleet, authority, clock)
    return fleet


def _fleet(new: NewFleet, clock: Clock) -> FleetRecord:
    if new.enrol_port == new.fleet_port:
        raise Invalid("The two listeners need two ports.", "Give another --enrol-port or --fleet-port.")
    enrolment, fleet = endpoint(new.address, new.enrol_port), endpoint(new.address, new.fleet_port)
    return FleetRecord(clock.random_bytes(FLEET_ID_BYTES).hex(), 1, enrolment, fleet, clock.now())


def _make(repositories: Repositories, fleet: FleetRecord, data: Path, clock: Clock) -> AuthorityRecord:
    if (held := repositories.fleets.get()) is not None:
        raise Refused(
            f"{data} already holds a fleet ({held.id}).",
            f"Run it with `fairlead-controller serve --data {data}`, get another certificate with "
            "`fairlead-controller admin-cert`, or give an empty directory.",
        )
    authority = new_fleet_authority(fleet.id, Stamp.of(clock))
    repositories.fleets.put(fleet)
    repositories.authorities.put(authority)
    repositories.events.append(Event("fleet-made", f"The fleet {fleet.id} was made."), fleet.created_at)
    return authority


def issuer(repositories: Repositories, data: Path) -> tuple[FleetRecord, AuthorityRecord]:
    """The fleet and its authority. Raises Missing if `init` did not finish."""
    fleet, authority = repositories.fleets.get(), repositories.authorities.get(FLEET, FLEET)
    if fleet is None or authority is None:
        raise Missing(f"There is no fleet in {data}.", f"Make one with `fairlead-controller init --data {data}`.")
    return fleet, authority


def _issue(repositories: Repositories, data: Path, issued: Issued, clock: Clock) -> tuple[FleetRecord, AuthorityRecord]:
    who = issued.principal
    said = f"A certificate of role {who.role.value} was issued to {who.name} on the controller's machine."
    repositories.events.append(Event("certificate-issued", said), clock.now())
    return issuer(repositories, data)


def _write_context(issued: Issued, fleet: FleetRecord, authority: AuthorityRecord, clock: Clock) -> None:
    key = new_key()
    chain = person_certificate(authority, issued.principal, key.public_key(), issued.days, Stamp.of(clock))
    context = {
        "name": issued.context_name or issued.context_file.stem,
        "endpoint": fleet.fleet_endpoint,
        "fleet_id": fleet.id,
        "authority": authority.certificate.decode(),
        "certificate": chain.decode(),
        "key": key_pem(key).decode(),
    }
    try:
        write_private(issued.context_file, json.dumps(context, indent=2).encode() + b"\n")
    except OSError as error:
        raise FairleadError(
            f"The context can't be written to {issued.context_file}: {error.strerror}.",
            "Get it with `fairlead-controller admin-cert` and another --context-file.",
        ) from None


def make_folder(data: Path) -> None:
    """Raises FairleadError if it can't be made."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FairleadError(f"{data} can't be made: {error.strerror}.", "Give another --data.") from None


def _write_key(path: Path, clock: Clock) -> None:
    try:
        make_key_file(path, clock.random_bytes)
    except OSError as error:
        raise FairleadError(
            f"The sealing key can't be written to {path}: {error.strerror}.", "Give another --key-file."
        ) from None
