"""The command line: serve, openapi, check."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from app import __version__, settings
from app.errors import ServiceError
from app.main import SYSTEM_CLOCK, create_app, create_platforms
from app.platform.client import PlatformClient
from app.settings import AccountSettings, Settings, SettingsError
from app.telemetry.logging import configure_logging

_DRAIN_S = 25  # less than the 30 s that Kubernetes waits before it kills
_NO_ACCOUNT = (
    "No account is configured: set TASKGATE_ACCOUNTS__<ALIAS>__URL, __CLIENT_ID and "
    "__CLIENT_SECRET, or serve invented data with --sandbox."
)
_NO_CONSUMER = (
    "TASKGATE_AUTH is `required` and no consumer is configured: set TASKGATE_AUTH=off to answer "
    "everyone who can reach the port."
)
_log = structlog.get_logger()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 2 when the configuration is wrong."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except SettingsError as exc:
        print(f"taskgate: {exc}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="taskgate", description=__doc__)
    parser.add_argument("--version", action="version", version=f"taskgate {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="answer requests until told to stop")
    serve.add_argument("--host", help="listen address; default TASKGATE_HOST or 127.0.0.1")
    serve.add_argument("--port", type=int, help="default TASKGATE_PORT or 8080")
    serve.add_argument("--sandbox", action="store_true", help="serve invented, living data")
    serve.set_defaults(run=_serve)
    openapi = commands.add_parser("openapi", help="write the OpenAPI document")
    openapi.set_defaults(run=_openapi)
    check = commands.add_parser("check", help="log in to each account and read one task")
    check.set_defaults(run=_check)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    listen = {name: getattr(arguments, name) for name in ("host", "port")}
    configured = settings.load(**{name: value for name, value in listen.items() if value})
    with ExitStack() as stack:
        if arguments.sandbox:
            configured = _with_sandbox(configured, stack)
        _refuse_unservable(configured)
        configure_logging(fmt=configured.log_format, level=configured.log_level)
        for name, meant in settings.strangers().items():
            _log.warning("unknown_setting", name=name, did_you_mean=meant)
        if arguments.sandbox:
            url = configured.accounts["sandbox"].url
            _log.warning("sandbox_serving", detail="all data is invented", url=url)
        return _run(create_app(configured, sandbox=arguments.sandbox), configured)


def _with_sandbox(configured: Settings, stack: ExitStack) -> Settings:
    """Start the sandbox platform and make it the one account."""
    # Only here: a real deployment never loads it.
    from app.sandbox.app import (  # noqa: PLC0415
        DEFAULT_CLIENT_ID,
        DEFAULT_CLIENT_SECRET,
        create_sandbox,
    )
    from app.sandbox.server import SandboxServer  # noqa: PLC0415

    server = stack.enter_context(SandboxServer(create_sandbox(clock=SYSTEM_CLOCK)))
    account = AccountSettings.model_validate(
        {
            "url": server.url,
            "client_id": DEFAULT_CLIENT_ID,
            "client_secret": DEFAULT_CLIENT_SECRET,
        }
    )
    changes: dict[str, object] = {"accounts": {"sandbox": account}}
    if "auth" not in configured.model_fields_set:
        changes["auth"] = "off"
    return configured.model_copy(update=changes)


def _refuse_unservable(configured: Settings) -> None:
    if not configured.accounts:
        raise SettingsError(_NO_ACCOUNT)
    if configured.auth == "required":
        raise SettingsError(_NO_CONSUMER)


class _Server(uvicorn.Server):
    """Stops being ready as soon as it is told to stop, before the last requests are done."""

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.readiness.draining = True
        super().handle_exit(sig, frame)


def _run(app: FastAPI, configured: Settings) -> int:
    server = _Server(
        uvicorn.Config(
            app,
            host=configured.host,
            port=configured.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
    # uvicorn raises the signal again once it has stopped; having stopped cleanly is success.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 1


def _openapi(_: argparse.Namespace) -> int:
    # Not `load()`: the document is the same whatever the environment says.
    document = create_app(Settings.model_construct()).openapi()
    print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


def _check(_: argparse.Namespace) -> int:
    configured = settings.load()
    if not configured.accounts:
        raise SettingsError(_NO_ACCOUNT)
    return asyncio.run(_check_accounts(configured))


async def _check_accounts(configured: Settings) -> int:
    failed = 0
    for alias, platform in create_platforms(configured).items():
        print(f"{alias}: {configured.accounts[alias].url}")
        try:
            await _check_account(platform)
        except ServiceError as exc:
            failed += 1
            print(f"  {exc.slug}: {exc.detail}")
        finally:
            await platform.aclose()
    print("ok" if not failed else f"{failed} of {len(configured.accounts)} accounts failed")
    return 1 if failed else 0


async def _check_account(platform: PlatformClient) -> None:
    await platform.login()
    print("  logged in")
    async for page in platform.task_pages((("order", "desc(enqueuedAt)"),), limit=1):
        for reading in page.readings:
            task = reading.task
            print(f"  newest task: {task.id}, {task.status}, created {task.created_at}")
            return
    print("  no task is visible: does the client have the role viewer? (P§2.4)")
