"""The agent: makes one node hold its assignment, and reports what it sees."""
