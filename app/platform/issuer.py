"""The documents of an OIDC issuer, fetched with care: small, direct, soon or not at all."""

from collections.abc import Callable

import httpx

from app.platform.pool import no_cookies

_BYTES_MAX = 1_048_576
_TIMEOUT_S = 5.0


class IssuerDocuments:
    """Fetches documents of an issuer; redirects and proxies of the environment are not followed.

    `failed` makes the exception that a failure becomes.
    """

    def __init__(
        self,
        *,
        failed: Callable[[str], Exception],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._failed = failed
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=_TIMEOUT_S,
            trust_env=False,
            follow_redirects=False,
            cookies=no_cookies(),
        )

    async def fetch(self, url: str) -> bytes:
        """Return the document at `url`, which is https, or http on this machine.

        Raises:
            Exception: what `failed` makes, for anything but 200 with up to 1 MiB.
        """
        body = bytearray()
        try:
            asked = httpx.URL(url)
            if asked.scheme != "https" and asked.host not in {"localhost", "127.0.0.1", "::1"}:
                raise self._failed("it is not at an https address")
            async with self._http.stream("GET", asked) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise self._failed(f"status {answer.status_code}")
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _BYTES_MAX:
                        raise self._failed("over 1 MiB")
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise self._failed(type(exc).__name__) from exc
        return bytes(body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
