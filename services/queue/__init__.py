"""Owns jobs and their state; the only one that may change it."""
