"""What the server makes its connections of."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from app.api.fastlane import FastLane
from app.api.protocol_door import ProtocolDoor, shared
from app.serving.bounds import Bounds
from app.serving.protocol import BoundedProtocol


def bounded(
    lane: FastLane | None,
    *,
    cut: Callable[[str], None],
    fresh_id: Callable[[], str],
    bounds: Bounds,
) -> type[asyncio.Protocol]:
    """Return what uvicorn makes its protocols with; `cut` is told why each connection was ended.

    With a `lane` its door stands between the bounds and uvicorn.
    """
    kind: Callable[..., BoundedProtocol] = BoundedProtocol
    if lane is not None:
        kind = type("BoundedDoor", (BoundedProtocol, ProtocolDoor), shared(lane))
    return cast(
        "type[asyncio.Protocol]",
        partial(kind, cut=cut, fresh_id=fresh_id, bounds=bounds, waiting={}),
    )
