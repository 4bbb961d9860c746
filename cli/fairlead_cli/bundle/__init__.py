"""Bundles: all images of a release in one file, the same bytes wherever it is made, checked by digest alone."""
