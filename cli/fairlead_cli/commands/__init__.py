"""One file a noun. Each is imported only when its command is called."""
