"""The built-in platform: an ASGI app of its own that imports nothing of the gateway."""
