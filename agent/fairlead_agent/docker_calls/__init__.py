"""Docker commands for people: fairlead.api.v1.DockerService, as far as this node does it."""
