"""Fakes that pass the contract tests of what they stand for."""
