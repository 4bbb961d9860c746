"""Clusters and nodes as the controller has them now: what several commands ask for."""

from __future__ import annotations

from fairlead.api.v1 import clusters_pb2, nodes_pb2
from fairlead_cli.client import Client


async def get_cluster(client: Client, name: str) -> clusters_pb2.Cluster:
    answer = await client.call(client.clusters.GetCluster, clusters_pb2.GetClusterRequest(name=f"clusters/{name}"))
    cluster: clusters_pb2.Cluster = answer.cluster
    return cluster


async def list_clusters(client: Client) -> list[clusters_pb2.Cluster]:
    return await client.pages(client.clusters.ListClusters, clusters_pb2.ListClustersRequest(), "clusters")


async def list_nodes(client: Client, cluster: str = "") -> list[nodes_pb2.Node]:
    request = nodes_pb2.ListNodesRequest(cluster=f"clusters/{cluster}" if cluster else "")
    return await client.pages(client.nodes.ListNodes, request, "nodes")
