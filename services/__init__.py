"""The gRPC services.

This file makes `services.queue` a package of its own name, so that it never hides the standard library's `queue`.
"""

import services.chassis  # noqa: F401 - before any module here loads a library
