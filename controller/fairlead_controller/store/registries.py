"""Registries outside of the fleet, their passwords sealed."""

from __future__ import annotations

import json

from sqlmodel import Session, col, select

from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.sealing import Sealer
from fairlead_controller.store.tables import RegistryRow
from fairlead_wire.task import canonical_json


class SqlRegistries(Repository):
    def __init__(self, session: Session, sealer: Sealer) -> None:
        super().__init__(session)
        self._sealer = sealer

    def get(self, host: str) -> UpstreamRegistry | None:
        row = self._session.get(RegistryRow, host)
        return None if row is None else self._registry(row)

    def all(self) -> tuple[UpstreamRegistry, ...]:
        by_host = select(RegistryRow).order_by(col(RegistryRow.host))
        return tuple(map(self._registry, self._session.exec(by_host)))

    def put(self, registry: UpstreamRegistry) -> None:
        self._put(
            RegistryRow(
                host=registry.host,
                mirrors_json=canonical_json(list(registry.mirrors)),
                username=registry.username,
                sealed_password=self._sealer.seal(registry.password.encode(), _owner(registry.host)),
                updated_at=registry.updated_at,
            )
        )

    def remove(self, host: str) -> bool:
        row = self._session.get(RegistryRow, host)
        if row is None:
            return False
        self._session.delete(row)
        self._session.flush()
        return True

    def _registry(self, row: RegistryRow) -> UpstreamRegistry:
        password = self._sealer.open(row.sealed_password, _owner(row.host)).decode()
        return UpstreamRegistry(row.host, tuple(json.loads(row.mirrors_json)), row.username, password, row.updated_at)


def _owner(host: str) -> str:
    return f"registry/{host}"
