"""ClusterService: declare, plan, apply, look at, delete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import yaml

from fairlead.api.v1 import clusters_pb2, clusters_pb2_grpc
from fairlead_controller.api import audit, details, preflight
from fairlead_controller.api.acceptance import Acceptance, Accepted
from fairlead_controller.api.access import principal
from fairlead_controller.api.cluster_view import View, endpoint
from fairlead_controller.api.messages import move_message, timestamp
from fairlead_controller.api.operations import operation_now
from fairlead_controller.api.pages import page
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.planning import Plan, plan_source, read_source
from fairlead_controller.api.resource_names import CLUSTERS, missing, name_in, resource_name
from fairlead_controller.model.preflight import Finding
from fairlead_controller.model.snapshot import Cluster
from fairlead_controller.pki.cluster import issue_kubeconfig
from fairlead_controller.pki.signing import Profile, Stamp, ends_at
from fairlead_controller.plan import desired, placement
from fairlead_controller.plan.certificates import people_subject
from fairlead_controller.store.port import Repositories
from fairlead_wire.errors import Refused

KUBECONFIG_DAYS = 365


class ClusterService(clusters_pb2_grpc.ClusterServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ValidateCluster(
        self, request: clusters_pb2.ValidateClusterRequest, context: Any
    ) -> clusters_pb2.ValidateClusterResponse:
        spec = read_source(request.source).spec
        effective = yaml.safe_dump(spec.model_dump(mode="json", by_alias=True), sort_keys=False)
        return clusters_pb2.ValidateClusterResponse(cluster=spec.name, effective_yaml=effective)

    async def PlanCluster(
        self, request: clusters_pb2.PlanClusterRequest, context: Any
    ) -> clusters_pb2.PlanClusterResponse:
        plan = await plan_source(self._parts, read_source(request.source))
        claims = placement.place(plan.snapshot.cluster, plan.snapshot.fleet).claims
        wanted = desired.desired(plan.snapshot, claims)
        found = await preflight.findings(self._parts, plan)
        return clusters_pb2.PlanClusterResponse(
            cluster=resource_name(CLUSTERS, plan.cluster),
            base_revision=plan.base_revision,
            moves=[move_message(move, details.lines(move, plan.snapshot, wanted)) for move in plan.moves],
            pin=plan.pin,
            findings=map(preflight.finding_message, found),
        )

    async def ApplyCluster(
        self, request: clusters_pb2.ApplyClusterRequest, context: Any
    ) -> clusters_pb2.ApplyClusterResponse:
        source, skipped = read_source(request.source), tuple(request.skip_checks)
        preflight.check_names(skipped)
        acceptance = Acceptance(self._parts.clock, request.request_id)
        if again := await self._parts.store.read(acceptance.repeated):
            await self._tell(again)
            return await self._applied(again)
        plan = await plan_source(self._parts, source)
        _check_pin(request.pin, plan)
        found = () if await self._goes_on(plan) else await preflight.findings(self._parts, plan)
        preflight.check_fit(plan.cluster, found, skipped)
        responsible = replace(acceptance, overruled=preflight.overruled(found, skipped))
        accepted = await audit.change(
            self._parts, lambda repositories: responsible.apply(repositories, plan), self._tell
        )
        return await self._applied(accepted, found)

    async def _goes_on(self, plan: Plan) -> bool:
        """Whether this very revision was accepted before and is being carried out: applying it again follows it."""
        running = await self._parts.store.read(lambda repositories: repositories.operations.running(plan.cluster))
        return running is not None and plan.unchanged

    async def GetCluster(
        self, request: clusters_pb2.GetClusterRequest, context: Any
    ) -> clusters_pb2.GetClusterResponse:
        cluster = await self._stored(name_in(CLUSTERS, request.name))
        return clusters_pb2.GetClusterResponse(cluster=await self._message(cluster))

    async def ListClusters(
        self, request: clusters_pb2.ListClustersRequest, context: Any
    ) -> clusters_pb2.ListClustersResponse:
        clusters = await self._parts.store.read(lambda repositories: repositories.clusters.all())
        ordered = sorted(clusters, key=lambda cluster: cluster.name)
        chosen, following = page(ordered, lambda cluster: cluster.name, CLUSTERS, request.page_size, request.page_token)
        messages = [await self._message(cluster) for cluster in chosen]
        return clusters_pb2.ListClustersResponse(clusters=messages, next_page_token=following)

    async def DeleteCluster(
        self, request: clusters_pb2.DeleteClusterRequest, context: Any
    ) -> clusters_pb2.DeleteClusterResponse:
        name = name_in(CLUSTERS, request.name)
        acceptance = Acceptance(self._parts.clock, request.request_id)
        accepted = await audit.change(
            self._parts, lambda repositories: acceptance.delete(repositories, name, request.destroy_data), self._tell
        )
        if accepted is None:
            raise missing(CLUSTERS, name)
        return clusters_pb2.DeleteClusterResponse(operation=await operation_now(self._parts, accepted.operation))

    async def IssueKubeconfig(
        self, request: clusters_pb2.IssueKubeconfigRequest, context: Any
    ) -> clusters_pb2.IssueKubeconfigResponse:
        cluster = await self._stored(name_in(CLUSTERS, request.name))
        server = endpoint(await self._parts.reconciler.snapshot(cluster))
        if not server:
            raise Refused(
                f"Cluster {cluster.name} has no control plane yet.",
                f"See how far it is with `fairlead cluster show {cluster.name}`, and try again.",
            )
        stamp = Stamp.of(self._parts.clock)
        common_name, group = people_subject(principal().name)
        profile = Profile(common_name, group, client=True, days=KUBECONFIG_DAYS)

        def work(repositories: Repositories) -> tuple[bytes, bytes]:
            said = f"A kubeconfig for cluster {cluster.name} was issued to {profile.common_name}."
            audit.record(repositories, stamp.now, "kubeconfig-issued", said, cluster.name)
            return issue_kubeconfig(repositories, cluster.name, profile, request.csr, stamp)

        certificate, authority = await audit.change(self._parts, work)
        return clusters_pb2.IssueKubeconfigResponse(
            server=server,
            authority=authority.decode(),
            certificate=certificate.decode(),
            expire_time=timestamp(ends_at(certificate)),
        )

    async def _stored(self, name: str) -> Cluster:
        cluster = await self._parts.store.read(lambda repositories: repositories.clusters.get(name))
        if cluster is None:
            raise missing(CLUSTERS, name)
        return cluster

    async def _message(self, cluster: Cluster) -> clusters_pb2.Cluster:
        revision, running = await self._parts.store.read(
            lambda repositories: (
                repositories.clusters.revision(cluster.name),
                repositories.operations.running(cluster.name),
            )
        )
        if revision is None:  # deleted since
            raise missing(CLUSTERS, cluster.name)
        return View(await self._parts.reconciler.snapshot(cluster), revision, running).message()

    async def _applied(self, accepted: Accepted, found: Iterable[Finding] = ()) -> clusters_pb2.ApplyClusterResponse:
        return clusters_pb2.ApplyClusterResponse(
            operation=await operation_now(self._parts, accepted.operation),
            revision=accepted.operation.revision,
            changed=accepted.changed,
            findings=map(preflight.finding_message, found),
        )

    async def _tell(self, accepted: Accepted | None) -> None:
        if accepted is None:
            return
        if accepted.superseded:
            self._parts.feed.publish(f"operation/{accepted.superseded}")
        self._parts.reconciler.wake(accepted.operation.cluster, accepted.operation.cause_id)


def _check_pin(pinned: str, plan: Plan) -> None:
    if pinned and pinned != plan.pin:
        raise Refused(
            f"The plan is another one than you saw: you pinned {pinned}, now it is {plan.pin}; nothing was changed.",
            "Run `fairlead plan` again and apply what it shows.",
        )
