"""The event loop that connections come in by."""

from typing import Any

import uvloop
from typing_extensions import override


class ServerLoop(uvloop.Loop):
    """uvloop with little patience for who connects and never speaks TLS.

    uvicorn's server has no word for it, and our bounds begin where the handshake ends.
    """

    handshake_s = 5.0  # uvloop's own is a minute

    @override
    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ssl") is not None:
            kwargs["ssl_handshake_timeout"] = self.handshake_s
        return await super().create_server(*args, **kwargs)
