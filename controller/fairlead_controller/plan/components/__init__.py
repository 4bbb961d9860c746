"""One file for each component that Fairlead runs."""
