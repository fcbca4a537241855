"""Bodies that stay as they are while the process runs: a coding and an ETag, or a 304."""

import asyncio
import hashlib
from collections.abc import Mapping

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from app.api.freshness import is_known
from app.api.negotiation import IDENTITY, choose
from app.service.codings import CODINGS

_DIGITS = 32  # 128 bits


class Fixed:
    """A body with what was pressed of it so far; `digest` is the head of its SHA-256.

    Each coding is made once, at the first wish, and kept: there are as many as files and pages.
    """

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self.media_type = media_type
        self.digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
        self._pressed: dict[str, bytes] = {}
        self._pressing: dict[str, asyncio.Task[None]] = {}

    async def answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Return the body as the caller takes it, with `headers`, or a 304 to whoever holds that.

        Raises:
            NotAcceptableError: the caller refuses every form of it.
        """
        coding = choose(_sent(request, "accept-encoding"), len(self.body))
        plain = coding == IDENTITY
        etag = f'"{self.digest}"' if plain else f'"{self.digest}-{coding}"'
        headers = {"Vary": "Accept-Encoding", **headers, "ETag": etag}
        if is_known(_sent(request, "if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        if plain:
            return Response(self.body, headers=headers, media_type=self.media_type)
        headers["Content-Encoding"] = coding
        return Response(await self._in(coding), headers=headers, media_type=self.media_type)

    async def _in(self, coding: str) -> bytes:
        if coding not in self._pressed:
            task = self._pressing.get(coding)
            if task is None:
                task = self._pressing[coding] = asyncio.create_task(self._press(coding))
                task.add_done_callback(lambda _: self._pressing.pop(coding))
            # Shielded: a caller who leaves takes the coding from nobody.
            await asyncio.shield(task)
        return self._pressed[coding]

    async def _press(self, coding: str) -> None:
        # 35 ms for the largest script in gzip, for which the loop would stand still. These threads
        # are not those in which names are looked up.
        self._pressed[coding] = await run_in_threadpool(CODINGS[coding], self.body)


def _sent(request: Request, name: str) -> str:
    """Return a header of the request; one that was sent twice is one list."""
    return ",".join(request.headers.getlist(name))
