"""The same at ten times the load: G1."""
