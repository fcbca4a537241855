"""A transport without a socket."""

import asyncio
from typing import Any

from typing_extensions import override


class Pipe(asyncio.Transport):
    """Keeps what is written until it ends, and says how it did; there is nothing to read."""

    def __init__(self, extra: dict[str, Any] | None = None) -> None:
        super().__init__(extra)
        self.sent, self.ended = b"", ""

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.ended:
            raise RuntimeError("Nothing can be written any more.")
        self.sent += data

    @override
    def is_closing(self) -> bool:
        return bool(self.ended)

    @override
    def close(self) -> None:
        self.ended = self.ended or "closed"

    @override
    def abort(self) -> None:
        self.ended = "aborted"

    @override
    def pause_reading(self) -> None:
        """Nothing is read anyway."""

    @override
    def resume_reading(self) -> None:
        """Nothing is read anyway."""
