"""Clusters: every accepted revision of their specs, as declared and as understood."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlmodel import col, delete, select

from fairlead_controller.model.cluster_spec import ClusterSpec
from fairlead_controller.model.snapshot import Cluster, ClusterPhase
from fairlead_controller.store.port import Revision
from fairlead_controller.store.rows import Repository
from fairlead_controller.store.tables import ClaimRow, ClusterRow, RevisionRow
from fairlead_wire.errors import Missing, Refused
from fairlead_wire.task import canonical_json


class SqlClusters(Repository):
    def get(self, name: str) -> Cluster | None:
        row = self._session.get(ClusterRow, name)
        return None if row is None else self._cluster(row)

    def all(self) -> tuple[Cluster, ...]:
        rows = self._session.exec(select(ClusterRow).order_by(col(ClusterRow.name))).all()
        return tuple(map(self._cluster, rows))

    def revision(self, name: str, number: int = 0) -> Revision | None:
        row = self._session.get(ClusterRow, name)
        held = None if row is None else self._session.get(RevisionRow, (name, number or row.revision))
        if row is None or held is None:
            return None
        files = json.loads(held.files_json)
        return Revision(name, held.number, held.spec_yaml, held.accepted_at, row.first_accepted_at, files)

    def accept(self, spec: ClusterSpec, spec_yaml: str, files: Mapping[str, str], at: float) -> Cluster:
        row = self._session.get(ClusterRow, spec.name) or ClusterRow(
            name=spec.name, revision=0, phase=ClusterPhase.ACTIVE, destroy_data=False, first_accepted_at=at
        )
        row.revision += 1
        self._put(row)
        self._put(
            RevisionRow(
                cluster=spec.name,
                number=row.revision,
                spec_json=spec.model_dump_json(by_alias=True),
                spec_yaml=spec_yaml,
                files_json=canonical_json(dict(files)),
                accepted_at=at,
            )
        )
        return Cluster(spec.name, row.revision, spec, dict(files), ClusterPhase(row.phase), row.destroy_data)

    def set_phase(self, name: str, phase: ClusterPhase, destroy_data: bool) -> None:
        """Raises Missing."""
        row = self._session.get(ClusterRow, name)
        if row is None:
            raise Missing(f"There is no cluster {name!r}.", "See them with `fairlead cluster ls`.")
        row.phase, row.destroy_data = phase, destroy_data
        self._put(row)

    def remove(self, name: str) -> None:
        """Removes it with all its revisions. Raises Refused while it has nodes."""
        if self._session.exec(select(ClaimRow).where(ClaimRow.cluster == name)).first() is not None:
            raise Refused(
                f"The cluster {name!r} still has nodes.", f"Delete it with `fairlead cluster delete {name}`, and wait."
            )
        self._session.exec(delete(RevisionRow).where(col(RevisionRow.cluster) == name))
        self._session.exec(delete(ClusterRow).where(col(ClusterRow.name) == name))

    def _cluster(self, row: ClusterRow) -> Cluster:
        held = self._session.get_one(RevisionRow, (row.name, row.revision))
        spec = ClusterSpec.model_validate_json(held.spec_json)
        phase = ClusterPhase(row.phase)
        return Cluster(row.name, row.revision, spec, json.loads(held.files_json), phase, row.destroy_data)
