"""What touches the world: the Bot API."""
