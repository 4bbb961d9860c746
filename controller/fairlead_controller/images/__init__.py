"""The fleet's images: what its registry has on the disk, and the registry's process. Nothing of it in the database."""
