"""Frozen values that the planner thinks in. No database row, no message of the wire, no clock."""
