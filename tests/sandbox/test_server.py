"""The sandbox on a loopback port."""

import httpx
import pytest

from app.sandbox.app import create_sandbox
from app.sandbox.server import SandboxServer
from tests.sandbox.conftest import Clock


def test_serves_until_left(clock: Clock) -> None:
    """It answers as soon as it is entered and no more once it is left."""
    with SandboxServer(create_sandbox(clock=clock)) as server:
        url = server.url
        answer = httpx.get(f"{url}/api/task_manager/v2/tasks", trust_env=False)

    assert answer.status_code == 401
    assert url.startswith("http://127.0.0.1:")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
