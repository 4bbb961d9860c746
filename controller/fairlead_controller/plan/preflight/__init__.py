"""Whether a server is fit for Kubernetes, before anything on it is touched. Pure."""
