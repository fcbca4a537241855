"""Logging in: what the token endpoint is asked, and in which form (P§2)."""

from collections.abc import Callable, Mapping
from typing import Final

import httpx

from app.errors import (
    UpstreamAuthFailedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from app.platform.account import Account
from app.platform.attempt import extensions
from app.platform.failures import RETRY_AFTER_S, answering
from app.platform.grant import Grant, read_grant
from app.platform.refusals import token_refusal

TOKEN_PATH: Final = "/api/2/idp/token"  # noqa: S105 - a path

_DIRECT: Final = "client_credentials"
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenEndpoint:
    """Asks for tokens with the client's id and secret, sent as HTTP Basic (P§2.1).

    `deadline_s` bounds a token with all it takes.

    Where tokens are narrowed to a tenant (P§2.4), the direct form is tried first: one request, one
    life. Where the platform refuses its scope, a base token is exchanged instead, and from then on
    always.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        account: Account,
        *,
        deadline_s: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._http = http
        self._account = account.alias
        self._client_id = account.client_id
        self._secret = account.secret
        self._deadline_s = deadline_s
        self._clock = clock
        self._monotonic = monotonic
        tenant = account.tenant
        self._scope = None if tenant is None else f"urn:acronis.com:tenant-id:{tenant}"
        self._exchanges = False
        self._tried: str | None = None

    async def ask(self) -> Grant:
        """Fetch a new token.

        A secret that was replaced while it was on its way is no reason to fail: the new one is
        tried at once.

        Raises:
            UpstreamAuthFailedError: the credentials were refused, or the secret is not there.
            UpstreamInvalidResponseError: the answer holds no token that can be used.
            UpstreamThrottledError: the endpoint asked to slow down.
            UpstreamUnavailableError: it failed, was out of reach, or did not answer in time.
        """
        deadline = self._monotonic() + self._deadline_s
        try:
            async with answering(self._account, deadline_s=self._deadline_s):
                try:
                    return await self._log_in(deadline)
                except UpstreamAuthFailedError:
                    if not self.rotated():
                        raise
                return await self._log_in(deadline)
        except UpstreamTimeoutError as error:
            raise UpstreamUnavailableError(
                "The token endpoint of the platform did not answer in time.",
                retry_after_s=RETRY_AFTER_S,
                account=self._account,
            ) from error

    def rotated(self) -> bool:
        """Whether there is a secret other than the one that was sent last."""
        try:
            return self._secret() != self._tried
        except ValueError:
            return False

    async def _log_in(self, deadline: float) -> Grant:
        basic = httpx.BasicAuth(self._client_id, self._client_secret())
        direct = {"grant_type": _DIRECT}
        if self._scope is None:
            return await self._request(direct, auth=basic, deadline=deadline)
        narrow = {"scope": self._scope}
        if not self._exchanges:
            try:
                return await self._request(direct | narrow, auth=basic, deadline=deadline)
            except UpstreamAuthFailedError as error:
                if not _refuses_scope(error):
                    raise
        base = await self._request(direct, auth=basic, deadline=deadline)
        narrowed = await self._request(
            {"grant_type": _EXCHANGE, "assertion": base.bearer} | narrow,
            headers={"Authorization": f"Bearer {base.bearer}"},
            deadline=deadline,
        )
        self._exchanges = True
        return Grant(narrowed.bearer, min(narrowed.lifetime_s, base.lifetime_s))

    async def _request(
        self,
        form: Mapping[str, str],
        *,
        deadline: float,
        auth: httpx.BasicAuth | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Grant:
        now = self._clock()
        response = await self._http.post(
            TOKEN_PATH,
            data=form,
            auth=auth or httpx.USE_CLIENT_DEFAULT,  # which is none
            headers=headers,
            extensions=extensions("token", deadline=deadline),
        )
        if not response.is_success:
            raise token_refusal(response, account=self._account, now=now)
        return read_grant(response.content, account=self._account, now=now)

    def _client_secret(self) -> str:
        self._tried = None
        try:
            self._tried = self._secret()
        except ValueError as error:
            raise UpstreamAuthFailedError(
                "The client secret of this account can't be read.", account=self._account
            ) from error
        return self._tried


def _refuses_scope(error: UpstreamAuthFailedError) -> bool:
    """Tell a client that may not have this scope from one that is not known (P§2.5)."""
    said = error.upstream
    return (
        said is not None
        and said.status != httpx.codes.UNAUTHORIZED
        and (said.code != "invalid_client")
    )
