"""Benchmarks: ratios against a peer in the same run. Nothing of this runs in ``make test``."""
