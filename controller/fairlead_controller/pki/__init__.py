"""Signing: the fleet's authority and a cluster's three."""
