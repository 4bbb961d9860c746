"""What controller, agent and CLI share: task specs, identities, TLS channels, tokens, back-off, errors."""
