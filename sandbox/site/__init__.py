"""A video site for `make run` and for tests: every shape of page and stream, each with a truth to compare with."""

from sandbox.site.server import SampleSite, sample_site

__all__ = ["SampleSite", "sample_site"]
