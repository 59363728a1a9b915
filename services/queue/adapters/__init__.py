"""What touches the world: the stores."""
