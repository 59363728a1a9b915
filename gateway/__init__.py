"""The only public door: REST, WebSocket, and who may do what."""
