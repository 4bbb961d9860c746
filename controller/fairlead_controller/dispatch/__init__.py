"""The agents' side of gRPC: enrolment, sessions, assignments, relays."""
