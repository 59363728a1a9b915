"""WebSocket fan-out."""
