"""The people's side of gRPC: one file a service."""
