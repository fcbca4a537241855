"""The real service over the sandbox, on loopback ports, at a time that stands still."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from shutil import which
from typing import Any, NoReturn

import pytest

from app.main import create_app
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from app.settings import AccountSettings, Settings, UpstreamSettings
from tests.support.platform import UNIX


@contextmanager
def live(*aliases: str, history_days: int = 7, **others: Any) -> Iterator[str]:
    """Serve an account of the sandbox under each alias, and return the address of the service.

    Everybody may ask, unless `others`, which are settings, name consumers.
    """
    with ExitStack() as stack:
        accounts: dict[str, AccountSettings] = {}
        for alias in aliases:
            seed = len(accounts) + 1
            sandbox = create_sandbox(clock=lambda: UNIX, seed=seed, history_days=history_days)
            accounts[alias] = AccountSettings.model_validate(
                {
                    "url": stack.enter_context(SandboxServer(sandbox)).url,
                    "client_id": DEFAULT_CLIENT_ID,
                    "client_secret": DEFAULT_CLIENT_SECRET,
                }
            )
        # No caller here is to wait for another's turn at the platform.
        upstream = UpstreamSettings.model_validate({"rate": "10000/s", "concurrency": 64})
        settings = Settings(
            _env_file=None, accounts=accounts, upstream=upstream, **{"auth": "off"} | others
        )
        app = create_app(settings, sandbox=True, clock=lambda: UNIX)
        app.state.readiness.started = True
        yield stack.enter_context(SandboxServer(app)).url


def program(name: str) -> str:
    """Return the path of a program; without it a test is skipped, but fails in CI."""
    return which(name) or absent(f"this machine has no {name}")


def absent(reason: str) -> NoReturn:
    """Skip a test for want of something of the machine; in CI that is a failure."""
    if "CI" in os.environ:  # noqa: TID251  # the only place that asks where it runs
        pytest.fail(reason)
    pytest.skip(reason)
