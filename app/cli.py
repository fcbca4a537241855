"""The command line: serve, openapi, check, new-key."""

import argparse
import asyncio
import json
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, aclosing
from types import FrameType

import structlog
import uvicorn
from typing_extensions import override

from app import __version__, settings
from app.api import keys
from app.api.health import Readiness
from app.certificates import Certificates
from app.errors import ServiceError, UpstreamAuthFailedError
from app.main import SYSTEM_CLOCK, SYSTEM_MONOTONIC, create_app, create_platforms
from app.platform.client import PlatformClient
from app.serving.bounds import Bounds, descriptors
from app.serving.connections import bounded
from app.settings import AccountSettings, Settings, SettingsError
from app.telemetry.logging import configure_logging

_UNREAD_BYTES_MAX = 131_072  # in the kernel, for each connection; Linux doubles it
DRAIN_S = 25  # less than the 30 s that Kubernetes waits before it kills
_PORT_MAX = 65_535
_NO_ACCOUNT = (
    "No account is configured: set TASKGATE_ACCOUNTS__<ALIAS>__URL, __CLIENT_ID and "
    "__CLIENT_SECRET, or serve invented data with `taskgate serve --sandbox`."
)
_NO_CONSUMER = (
    "TASKGATE_AUTH is `required` and no consumer is configured: make one with `taskgate new-key "
    "NAME`, or set TASKGATE_AUTH=off to answer everyone who can reach the port."
)


class Server(uvicorn.Server):
    """Says when it listens, and stops being ready as soon as it is told to stop."""

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, readiness: Readiness
    ) -> None:
        super().__init__(config)
        self.listener = listener
        self._readiness = readiness
        self._log = structlog.get_logger()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.listener.getsockname()[:2]
        scheme = "https" if self.config.is_ssl else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._log.info("serving", url=self.url, version=__version__)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # No log line here: a signal may come while this very thread holds the logger's lock.
        self._readiness.draining = True
        super().handle_exit(sig, frame)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._log.info("draining", at_most_s=DRAIN_S)
        await super().shutdown(sockets)
        self._log.info("stopped")


Run = Callable[[Server], None]


def until_told(server: Server) -> None:
    """Serve until SIGTERM or SIGINT, finish what runs, return."""
    # uvicorn raises the signal again once it has stopped; both then look alike, as they do
    # when they come before it listens to signals.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run(sockets=[server.listener])
    except KeyboardInterrupt:
        return


def main(argv: Sequence[str] | None = None, *, run: Run = until_told) -> int:
    """Run a command and return its exit status; `run` is how long `serve` serves.

    0: done. 1: an account failed its check, or the address is taken. 2: the configuration or the
    command is wrong; one sentence on stderr says how.
    """
    arguments = _parser(run).parse_args(argv)
    try:
        return int(arguments.command(arguments))
    except SettingsError as exc:
        print(f"taskgate: {exc}", file=sys.stderr)
        return 2


def _parser(run: Run) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="taskgate", description=__doc__)
    parser.add_argument("--version", action="version", version=f"taskgate {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="answer requests until told to stop")
    serve.add_argument("--host", help="listen address; default TASKGATE_HOST or 127.0.0.1")
    serve.add_argument("--port", type=_port, help="default TASKGATE_PORT or 8080; 0 takes any")
    serve.add_argument("--sandbox", action="store_true", help="serve invented, living data")
    serve.set_defaults(command=lambda arguments: _serve(arguments, run))
    openapi = commands.add_parser("openapi", help="write the OpenAPI document")
    openapi.set_defaults(command=_openapi)
    check = commands.add_parser("check", help="log in to each account, read one task; ask Valkey")
    check.set_defaults(command=_check)
    new_key = commands.add_parser("new-key", help="make a consumer's key and show it once")
    new_key.add_argument("name", metavar="NAME", type=_consumer)
    new_key.set_defaults(command=_new_key)
    return parser


def _consumer(text: str) -> str:
    try:
        return settings.consumer_name(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text[:8]) <= _PORT_MAX:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_PORT_MAX}, not {text!r}")


def _serve(arguments: argparse.Namespace, run: Run) -> int:
    given = {"host": arguments.host, "port": arguments.port}
    configured = settings.load(
        **{name: value for name, value in given.items() if value is not None}
    )
    with ExitStack() as stack:
        if arguments.sandbox:
            configured = _with_sandbox(configured, stack)
        if not configured.accounts:
            raise SettingsError(_NO_ACCOUNT)
        write_lines = configure_logging(fmt=configured.log_format, level=configured.log_level)
        log = structlog.get_logger()
        for name, meant in settings.strangers().items():
            log.warning("unknown_setting", name=name, did_you_mean=meant)
        if configured.has_valkey and configured.cursor_key() is None:
            log.warning("cursors_not_shared", detail="set TASKGATE_CURSOR_SECRET on all replicas")
        if arguments.sandbox:
            url = configured.accounts["sandbox"].url
            log.warning("sandbox_serving", detail="all data is invented", url=url)
        app = create_app(configured, sandbox=arguments.sandbox, write_lines=write_lines)
        if configured.auth == "required" and not app.state.roster.current().by_name:
            raise SettingsError(_NO_CONSUMER)
        try:
            listener = stack.enter_context(_listen(configured.host, configured.port))
        except OSError as exc:
            print(f"taskgate: can't listen: {exc.strerror}", file=sys.stderr)
            return 1
        access = app.state.metrics.access
        http = bounded(
            app.state.lane if configured.fastlane == "protocol" else None,
            cut=access.connection_cut,
            fresh_id=lambda: secrets.token_hex(8),
            bounds=_bounds(),
        )
        config = _server_config(configured, app, http, certificate_read=access.certificate_read)
        run(Server(config, listener, app.state.readiness))
    return 0


def _server_config(
    configured: Settings,
    app: Callable[..., Awaitable[None]],
    http: type[asyncio.Protocol],
    *,
    certificate_read: Callable[[bool], None],
) -> uvicorn.Config:
    """Return how to serve `app`, each connection by `http`.

    Raises:
        SettingsError: the certificate, its key or the client's authority can't be used.
    """
    certificates = _certificates(configured, certificate_read)
    config = uvicorn.Config(
        app,
        loop="app.serving.loop:ServerLoop",
        http=http,
        ws="none",
        lifespan="on",
        log_config=None,
        # Its lines of less weight repeat ours, or are written at the will of any caller.
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_S,
        ssl_context_factory=certificates.for_uvicorn if certificates else None,
    )
    config.load()
    return config


def _certificates(configured: Settings, reloaded: Callable[[bool], None]) -> Certificates | None:
    if configured.tls_cert is None or configured.tls_key is None:
        return None
    try:
        return Certificates(
            configured.tls_cert,
            configured.tls_key,
            configured.tls_client_ca,
            monotonic=SYSTEM_MONOTONIC,
            reloaded=reloaded,
        )
    except OSError as exc:  # what `ssl` raises is one, too
        raise SettingsError(
            f"TASKGATE_TLS_CERT, _KEY or _CLIENT_CA can't be used: {type(exc).__name__}"
        ) from None


def _bounds() -> Bounds:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit, bounds = descriptors(soft, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return bounds


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    # Connections inherit it. Left alone the kernel takes megabytes for a caller who reads nothing.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD_BYTES_MAX)
    return listener


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


def _new_key(arguments: argparse.Namespace) -> int:
    key = keys.make_key(secrets.token_bytes(keys.SECRET_BYTES))
    name, digest = arguments.name, keys.digest(key)
    print(f"key, shown this once: {key}")
    print(f"variable: TASKGATE_CONSUMERS__{name.upper()}__KEY_SHA256={digest}")
    print(f'or in TASKGATE_CONSUMERS_FILE, below [consumers.{name}]: key_sha256 = "{digest}"')
    return 0


def _openapi(_: argparse.Namespace) -> int:
    # Not `load()`: the document is the same whatever the environment says.
    document = create_app(Settings.model_construct()).openapi()
    print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


def _check(_: argparse.Namespace) -> int:
    configured = settings.load()
    if not configured.accounts:
        raise SettingsError(_NO_ACCOUNT)
    return asyncio.run(_check_all(configured))


async def _check_all(configured: Settings) -> int:
    failed = await _check_accounts(configured)
    alone = configured.has_valkey and not await _check_valkey(configured)
    told = [f"{failed} of {len(configured.accounts)} accounts failed"] if failed else []
    if alone:
        told.append("each replica would limit rates by itself")
    print("; ".join(told) or "ok")
    return 1 if told else 0


async def _check_accounts(configured: Settings) -> int:
    """Return how many accounts failed."""
    failed = 0
    for alias, platform in create_platforms(configured).items():
        print(f"{alias}: {configured.accounts[alias].url}")
        try:
            await _check_account(platform)
        except ServiceError as exc:
            failed += 1
            print(f"  {exc.slug}: {exc.detail}")
            if isinstance(exc, UpstreamAuthFailedError):
                prefix = f"TASKGATE_ACCOUNTS__{alias.upper()}__"
                print(f"  look at {prefix}CLIENT_ID and {prefix}CLIENT_SECRET")
        finally:
            await platform.aclose()
    return failed


async def _check_valkey(configured: Settings) -> bool:
    # Only here: who has no Valkey does not carry its client.
    from app.api.shared_rates import Buckets  # noqa: PLC0415

    buckets = Buckets(configured.valkey)
    print(f"valkey: {buckets.host}")
    try:
        await buckets.take({})
    except Exception as exc:  # noqa: BLE001  # its words may hold anything
        print(f"  does not answer: {type(exc).__name__}; look at TASKGATE_VALKEY_URL")
        return False
    finally:
        await buckets.aclose()
    print("  answers")
    return True


async def _check_account(platform: PlatformClient) -> None:
    await platform.login()
    print("  logged in")
    pages = platform.task_pages((("order", "desc(enqueuedAt)"),), limit=1)
    async with aclosing(pages):
        async for page in pages:
            for reading in page.readings:
                task = reading.item
                print(f"  newest task: {task.id}, {task.status}, created {task.created_at}")
                return
    print("  no task is visible: has the client the role of a viewer in the tenant?")
