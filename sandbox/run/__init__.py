"""``make run``: every service and the sandbox as real processes, and one video on its way while you watch."""
