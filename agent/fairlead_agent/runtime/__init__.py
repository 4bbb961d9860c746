"""Docker behind a narrow port: `port` is what the agent knows, `docker_engine` the only importer of `docker`."""
