"""What the server makes its connections of."""

from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from app.serving.connections import bounded
from app.serving.protocol import BoundedProtocol
from tests.support.line import BOUNDS, Loop, no_app


def test_bounded() -> None:
    """The server makes its protocols with the bounds it was given."""
    make = bounded(None, cut=print, fresh_id=str, bounds=BOUNDS)
    config = uvicorn.Config(no_app, http=make, log_config=None)
    config.load()
    made = cast("Any", config.http_protocol_class)(config, ServerState(), {}, Loop())

    assert isinstance(made, BoundedProtocol)
