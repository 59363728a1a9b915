"""``make soak``: hours in minutes, and what grows meanwhile."""
