"""The local lab: servers as containers, a controller, agents, a cluster and a pod, with one command."""
