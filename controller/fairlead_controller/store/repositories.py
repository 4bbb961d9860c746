"""All repositories over one session of the database."""

from __future__ import annotations

from sqlmodel import Session

from fairlead_controller.store import port
from fairlead_controller.store.assignments import Opened, SqlAssignments
from fairlead_controller.store.authorities import SqlAuthorities
from fairlead_controller.store.claims import SqlClaims
from fairlead_controller.store.clusters import SqlClusters
from fairlead_controller.store.events import SqlEvents
from fairlead_controller.store.fleets import SqlFleets
from fairlead_controller.store.moves import SqlMoves
from fairlead_controller.store.nodes import SqlNodes
from fairlead_controller.store.observations import SqlObservations
from fairlead_controller.store.operations import SqlOperations
from fairlead_controller.store.registries import SqlRegistries
from fairlead_controller.store.sealing import Sealer
from fairlead_controller.store.tokens import SqlTokens


class SqlRepositories:
    def __init__(self, session: Session, sealer: Sealer, opened: Opened) -> None:
        self.fleets: port.Fleets = SqlFleets(session)
        self.authorities: port.Authorities = SqlAuthorities(session, sealer)
        self.nodes: port.Nodes = SqlNodes(session)
        self.tokens: port.Tokens = SqlTokens(session)
        self.clusters: port.Clusters = SqlClusters(session)
        self.claims: port.Claims = SqlClaims(session)
        self.assignments: port.Assignments = SqlAssignments(session, sealer, opened)
        self.observations: port.Observations = SqlObservations(session)
        self.operations: port.Operations = SqlOperations(session)
        self.moves: port.Moves = SqlMoves(session)
        self.events: port.Events = SqlEvents(session)
        self.registries: port.Registries = SqlRegistries(session, sealer)
