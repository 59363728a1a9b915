"""Requests of the gateway: A1, A2."""
