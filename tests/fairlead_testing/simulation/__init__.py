"""A whole fleet in one process on virtual time: real controller and agents, everything below and between them fake."""
