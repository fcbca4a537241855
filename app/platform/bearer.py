"""The token of an account on each request; once anew on a 401."""

import httpx
from typing_extensions import override

from app.platform.token import Token, Tokens


class TokenAuth(httpx.AsyncBaseTransport):
    """Puts the token on a request; on a 401 takes a new one and asks once more, then gives up.

    The request's extensions tell the transports below: `just_replaced` whether a 401 is a mere
    matter of the token's age, `usable_until` how long the token may be sent, `again` that the call
    was made before.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, tokens: Tokens) -> None:
        self._inner = inner
        self._tokens = tokens

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = await self._tokens.current()
        _put(token, request)
        request.extensions["just_replaced"] = self._tokens.just_replaced
        response = await self._inner.handle_async_request(request)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            younger = await self._tokens.instead_of(token)
            if younger is not token:
                _put(younger, request)
                request.extensions["just_replaced"] = request.extensions["again"] = True
                response = await self._inner.handle_async_request(request)
        return response


def _put(token: Token, request: httpx.Request) -> None:
    request.headers["Authorization"] = f"Bearer {token.bearer}"
    request.extensions["usable_until"] = token.unusable_at
