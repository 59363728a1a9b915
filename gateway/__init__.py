"""The only public door: REST, WebSocket, and who may do what."""

import services.chassis  # noqa: F401 - before any module here loads a library
