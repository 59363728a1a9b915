"""How often, how many and how much: rates (GCRA) for users and addresses, and quotas for a day."""
