"""The command line: a client of fairlead.api.v1, and the local lab."""
