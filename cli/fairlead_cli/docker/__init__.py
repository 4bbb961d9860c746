"""`fairlead docker`: Docker's everyday commands, on any node of the fleet."""
