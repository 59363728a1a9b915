"""What every process shares, and what knows none of them."""
