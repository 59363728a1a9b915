"""Small wrong changes to the queue's rules, each of which some test must notice: ``python -m tests.mutants``."""
