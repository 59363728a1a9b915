"""Turns a lease into a delivered video; owns no state."""
