"""Container images: their recipes, a cache keyed by content, and one builder that needs no image registry."""
