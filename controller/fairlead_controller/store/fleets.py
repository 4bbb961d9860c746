"""The fleet's record: one row."""

from __future__ import annotations

from fairlead_controller.model.fleet import FleetRecord
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import FleetRow

_ONLY = 1


class SqlFleets(Repository):
    def get(self) -> FleetRecord | None:
        row = self._session.get(FleetRow, _ONLY)
        if row is None:
            return None
        return FleetRecord(
            row.id, row.generation, row.enrolment_endpoint, row.fleet_endpoint, row.created_at, row.restored_at
        )

    def put(self, fleet: FleetRecord) -> None:
        self._put(
            FleetRow(
                row=_ONLY,
                id=fleet.id,
                generation=fleet.generation,
                enrolment_endpoint=fleet.enrolment_endpoint,
                fleet_endpoint=fleet.fleet_endpoint,
                created_at=fleet.created_at,
                restored_at=fleet.restored_at,
            )
        )
