"""The command line: serve, openapi, check, new-key."""

import argparse
import asyncio
import json
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import structlog

from app import __version__, settings
from app.api import keys
from app.calling import create_platforms
from app.certificates import Certificates
from app.checking import check
from app.clockwork import SYSTEM_CLOCK, SYSTEM_MONOTONIC
from app.main import create_app
from app.serving.bounds import of_this_process
from app.serving.connections import bounded
from app.serving.server import Run, Server, TlsFactory, configure, listen, until_told
from app.settings import AccountSettings, Settings, SettingsError
from app.telemetry.logging import configure_logging

_PORT_MAX = 65_535
# A shell takes no `-`, and between `__` the name would be two.
_IN_A_VARIABLE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_NO_ACCOUNT = (
    "No account is configured: set TASKGATE_ACCOUNTS__<ALIAS>__URL, __CLIENT_ID and "
    "__CLIENT_SECRET, or serve invented data with `taskgate serve --sandbox`."
)
_NO_CONSUMER = (
    "TASKGATE_AUTH is `required` and no consumer is configured: make one with `taskgate new-key "
    "NAME`, or set TASKGATE_AUTH=off to answer everyone who can reach the port."
)


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
    checking = commands.add_parser(
        "check", help="log in to each account, read one task; ask Valkey"
    )
    checking.set_defaults(command=_check)
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
        _warn(configured, sandbox=arguments.sandbox)
        app = create_app(configured, sandbox=arguments.sandbox, write_lines=write_lines)
        if configured.auth == "required" and not app.state.roster.current().by_name:
            raise SettingsError(_NO_CONSUMER)
        try:
            listener = stack.enter_context(listen(configured.host, configured.port))
        except OSError as exc:
            print(f"taskgate: can't listen: {exc.strerror}", file=sys.stderr)
            return 1
        access = app.state.metrics.access
        http = bounded(
            app.state.lane if configured.fastlane == "protocol" else None,
            cut=access.connection_cut,
            fresh_id=lambda: secrets.token_hex(8),
            bounds=of_this_process(),
        )
        config = configure(app, http, tls=_tls(configured, access.certificate_read))
        run(Server(config, listener, app.state.readiness))
    return 0


def _warn(configured: Settings, *, sandbox: bool) -> None:
    """Log what may not be as the operator thinks."""
    log = structlog.get_logger()
    for name, meant in settings.strangers().items():
        log.warning("unknown_setting", name=name, did_you_mean=meant)
    if configured.has_valkey and configured.cursor_key() is None:
        log.warning("cursors_not_shared", detail="set TASKGATE_CURSOR_SECRET on all replicas")
    if sandbox:
        url = configured.accounts["sandbox"].url
        log.warning("sandbox_serving", detail="all data is invented", url=url)


def _tls(configured: Settings, reloaded: Callable[[bool], None]) -> TlsFactory | None:
    if configured.tls_cert is None or configured.tls_key is None:
        return None
    try:
        certificates = Certificates(
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
    return certificates.for_uvicorn


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
    table = f'TASKGATE_CONSUMERS_FILE, below [consumers.{name}]: key_sha256 = "{digest}"'
    if _IN_A_VARIABLE.fullmatch(name):
        print(f"variable: TASKGATE_CONSUMERS__{name.upper()}__KEY_SHA256={digest}")
        print(f"or in {table}")
    else:
        print("A name with -, __ or a _ at its end is for the file, not for a variable.")
        print(f"in {table}")
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
    return asyncio.run(check(configured, create_platforms(configured)))
