"""Pure decisions: nothing here awaits, reads a clock or touches a disk."""
