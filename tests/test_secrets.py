"""Canaries in every place that holds a secret, and a search for them in all that comes out."""

import json
import logging
import signal
from pathlib import Path

import httpx
import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from tests.support.consumers import AUDIENCE, bearer, ec_key, key_of, required, token
from tests.support.platform import FakeTime
from tests.support.serving import built, configured, network, running
from tests.support.upstream import FakeUpstream, a_task
from tests.test_process import ENDED, WAIT_S, serving

CANARY = "canary-7f3a9c"
ROUTES = ("/v1/tasks", "/v1/tasks/1", "/v1/accounts", "/metrics", "/openapi.json", "/readyz")
FAILURES = {
    "success": {},
    "refused": {"status": 401, "path": "/token", "body": CANARY},
    "expired": {"status": 401, "body": {"message": CANARY}},
    "throttled": {"status": 429, "body": CANARY},
    "crash": {"status": 500, "body": f"Traceback {CANARY}"},
    "garbage": {"status": 200, "body": f"<html>{CANARY}"},
    "cut": {"status": 200, "body": f'{{"items": [{{"{CANARY}"', "cut": True},
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_nothing_leaks(
    time: FakeTime, caplog: pytest.LogCaptureFixture, failure: dict[str, object]
) -> None:
    """Whatever fails, no secret, key or body of the platform is in an answer or a log line."""
    secret = f"{CANARY}-secret"
    upstream = FakeUpstream(tasks=[a_task(1)], client_secret=secret, clock=time.clock)
    if failure:
        upstream.fail_next(times=9, **failure)  # type: ignore[arg-type]
    settings = configured("eu2", secret=secret, cursor_secret=CANARY * 3, **required(bi={}))
    answers = []
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        async with running(built(settings, network({"eu2": upstream}), time)) as client:
            for headers in (bearer("bi"), {"X-API-Key": f"tg_{CANARY}"}, {}):
                for route in ROUTES:
                    answer = await client.get(route, headers=headers)
                    answers.append(f"{answer.headers} {answer.text}")

    told = f"{answers} {caplog.text} {lines} {settings!r} {settings.model_dump()}"
    assert CANARY not in told
    assert key_of("bi") not in told
    assert "request_served" in told


@pytest.mark.machine
def test_real_process(tmp_path: Path) -> None:
    """The real server at its most talkative tells no secret, also of what is no HTTP."""
    with (
        SandboxServer(create_sandbox(clock=lambda: 1_795_000_000.0)) as platform,
        SandboxServer(_issuer) as issuer,
    ):
        variables = _variables(tmp_path, platform.url, issuer.url)
        sent = [
            token(iss=issuer.url, exp=2**33, email=CANARY).decode(),
            token(iss=issuer.url, exp=1, email=CANARY).decode(),
        ]
        with serving(tmp_path, TASKGATE_LOG_LEVEL="debug", **variables) as process:
            url = process.until("serving")["url"]
            codes = [
                httpx.get(f"{url}/v1/tasks", headers=headers, timeout=WAIT_S).status_code
                for headers in (
                    *({"Authorization": f"Bearer {each}"} for each in (key_of("bi"), *sent)),
                    {"X-API-Key": CANARY},
                    {"X" * 40_000: CANARY},
                )
            ]
            bodies = httpx.get(f"{url}/metrics").text + httpx.get(f"{url}/openapi.json").text
            process.running.send_signal(signal.SIGTERM)
            assert process.end() == ENDED

    told = bodies + json.dumps(process.lines)
    assert codes == [200, 200, 401, 401, 431]
    for secret in (CANARY, key_of("bi"), DEFAULT_CLIENT_SECRET, "eyJ"):
        assert secret not in told


async def _issuer(scope: Scope, receive: Receive, send: Send) -> None:
    """Publish a key as an issuer of tokens does."""
    host = dict(scope["headers"])[b"host"].decode()
    about = {"issuer": f"http://{host}", "jwks_uri": f"http://{host}/jwks"}
    keys = {"keys": [ec_key().as_dict(private=False)]}
    await JSONResponse(keys if scope["path"] == "/jwks" else about)(scope, receive, send)


def _variables(folder: Path, platform: str, issuer: str) -> dict[str, str]:
    """Return an account on `platform`, with the consumer `bi` of a file, by key and by token."""
    [hashed] = required(bi={})["consumers"]["bi"].key_sha256
    file = folder / "consumers.toml"
    file.write_text(f"[consumers.bi]\nkey_sha256 = '{hashed}'")
    return {
        "TASKGATE_ACCOUNTS__EU2__URL": platform,
        "TASKGATE_ACCOUNTS__EU2__CLIENT_ID": DEFAULT_CLIENT_ID,
        "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET": DEFAULT_CLIENT_SECRET,
        "TASKGATE_CONSUMERS_FILE": str(file),
        "TASKGATE_OIDC__ISSUER": issuer,
        "TASKGATE_OIDC__AUDIENCE": AUDIENCE,
        "TASKGATE_CURSOR_SECRET": CANARY * 3,
    }
