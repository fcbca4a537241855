"""The event loop that connections come in by."""

from typing import Any

import uvloop
from typing_extensions import override

from app.serving.arrivals import TlsServer


class ServerLoop(uvloop.Loop):
    """uvloop with little patience, and little room, for who connects and never speaks TLS.

    uvicorn's server has no word for it: it asks its loop for a server.
    """

    handshake_s = 5.0  # uvloop's own is a minute
    # Until TLS is agreed on each may take 400 KiB, which is OpenSSL's and not ours to bound.
    handshakes = 256
    patience_s = 0.75  # with a handshake, where as many are under way

    @override
    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ssl") is None:
            return await super().create_server(*args, **kwargs)
        (make,) = args
        return TlsServer(
            self,
            make,
            kwargs["sock"],
            kwargs["ssl"],
            handshake_s=self.handshake_s,
            handshakes=self.handshakes,
            patience_s=self.patience_s,
        )
