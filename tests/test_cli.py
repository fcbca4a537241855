"""The commands, in process; `test_process.py` runs them for real."""

import gc
import json
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
import trustme
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from app.api.health import Readiness
from app.api.keys import digest, is_key
from app.api.roster import Roster
from app.cli import main
from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, create_sandbox
from app.sandbox.server import SandboxServer
from app.serving.server import Server, until_told
from app.settings import load
from tests.support.consumers import key_of
from tests.support.valkey import Server as Valkey

Capture = pytest.CaptureFixture[str]
CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No `.env` is near; logging and SIGTERM are of the whole process: put them back."""
    monkeypatch.chdir(tmp_path)
    names = ["", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore", "asyncio"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.handlers[:], each.level, each.propagate, each.disabled) for each in loggers]
    sigterm = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, sigterm)
    structlog.reset_defaults()
    for each, state in zip(loggers, before, strict=True):
        each.handlers, each.level, each.propagate, each.disabled = state
        each.manager._clear_cache()  # type: ignore[attr-defined]  # noqa: SLF001


@pytest.fixture(scope="module")
def platform() -> Iterator[str]:
    """Serve a sandbox platform; return its address."""
    with SandboxServer(create_sandbox(clock=lambda: 1_795_000_000.0)) as server:
        yield server.url


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, platform: str) -> pytest.MonkeyPatch:
    """Configure the sandbox platform as the account `eu2`."""
    monkeypatch.setenv("TASKGATE_ACCOUNTS__EU2__URL", platform)
    monkeypatch.setenv("TASKGATE_ACCOUNTS__EU2__CLIENT_ID", DEFAULT_CLIENT_ID)
    monkeypatch.setenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET", DEFAULT_CLIENT_SECRET)
    return monkeypatch


class Served:
    """Takes the server instead of running it."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def __call__(self, server: Server) -> None:
        """Note where the server would serve."""
        self.urls.append(server.url)


def refused(server: Server) -> None:
    """Fail the test: the service must not start."""
    pytest.fail(f"served at {server.url}")


def test_nothing_configured(capsys: Capture) -> None:
    """Without an account `serve` ends with status 2 and one sentence that names what to set."""
    assert main(["serve"], run=refused) == 2

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    for name in ("TASKGATE_ACCOUNTS__<ALIAS>__URL", "__CLIENT_ID", "__CLIENT_SECRET", "--sandbox"):
        assert name in told


def test_no_consumer(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """With an account and no consumer `serve` fails closed, and names the way out."""
    del account

    assert main(["serve"], run=refused) == 2
    assert "TASKGATE_AUTH=off" in capsys.readouterr().err


@pytest.fixture
def bi(account: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Configure an account and the consumer `bi`."""
    account.setenv("TASKGATE_CONSUMERS__BI__KEY_SHA256", digest(key_of("bi")))
    return account


def test_consumer(bi: pytest.MonkeyPatch) -> None:
    """With an account and a consumer it serves; nothing else has to be said."""
    del bi
    served = Served()

    assert main(["serve", "--port", "0"], run=served) == 0
    assert served.urls[0].startswith("http://")


@pytest.mark.parametrize("text", ["", "[consumers]"], ids=["broken", "nobody"])
def test_consumers_file(
    capsys: Capture, account: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    """A consumers' file that lets in nobody stops the start with a sentence."""
    (tmp_path / "consumers.toml").write_text(text)
    account.setenv("TASKGATE_CONSUMERS_FILE", str(tmp_path / "consumers.toml"))

    assert main(["serve", "--port", "0"], run=refused) == 2
    assert "TASKGATE_" in capsys.readouterr().err


def test_tls(capsys: Capture, bi: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A certificate that can't be used stops the start, without a word of its content."""
    for name in ("CERT", "KEY", "CLIENT_CA"):
        path = tmp_path / name
        path.write_text(CANARY)
        bi.setenv(f"TASKGATE_TLS_{name}", str(path))

    assert main(["serve", "--port", "0"], run=refused) == 2
    told = capsys.readouterr().err
    assert told == "taskgate: TASKGATE_TLS_CERT, _KEY or _CLIENT_CA can't be used: SSLError\n"


@pytest.mark.usefixtures("bi")
def test_no_line_at_will() -> None:
    """What is no HTTP is counted and not logged: a caller could fill a disk with it."""
    assert main(["serve", "--port", "0"], run=lambda _: None) == 0
    assert logging.getLogger("uvicorn.error").level == logging.ERROR


def test_tls_served(bi: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a certificate and its key it is served over TLS 1.2 and later."""
    served = trustme.CA().issue_cert("127.0.0.1")
    served.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    for name in ("CERT", "KEY"):
        bi.setenv(f"TASKGATE_TLS_{name}", str(tmp_path / "both.pem"))
    servers: list[Server] = []

    assert main(["serve", "--port", "0"], run=servers.append) == 0
    assert servers[0].config.ssl is not None
    assert servers[0].config.ssl.minimum_version == ssl.TLSVersion.TLSv1_2


def test_new_key(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key is shown once, with the line that lets it in; two are never the same."""
    assert main(["new-key", "Shop_1"]) == main(["new-key", "shop_1"]) == 0

    first, line, *_, last = capsys.readouterr().out.splitlines()
    key = first.rpartition(" ")[2]
    name, _, value = line.removeprefix("variable: ").partition("=")
    assert is_key(key)
    assert (name, value) == ("TASKGATE_CONSUMERS__SHOP_1__KEY_SHA256", digest(key))
    assert value not in last
    monkeypatch.setenv(name, value)
    assert load().consumers["shop_1"].key_sha256 == (value,)


@pytest.mark.parametrize("name", ["a__b", "a_", "my-app", "a_-b"])
def test_new_key_in_file(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """For a name that no variable can bear the table of the file alone is shown, and works."""
    assert main(["new-key", name]) == 0

    _, why, line = capsys.readouterr().out.splitlines()
    place, _, value = line.partition("]: ")
    file = tmp_path / "consumers.toml"
    file.write_text(f"[{place.rpartition('[')[2]}]\n{value}\n", encoding="utf-8")
    monkeypatch.setenv("TASKGATE_CONSUMERS_FILE", str(file))
    roster = Roster(load(), salt=b"s", monotonic=lambda: 0.0, reloaded=lambda _: None)
    assert roster.current().by_name.keys() == {name}
    assert why == "A name with -, __ or a _ at its end is for the file, not for a variable."


@pytest.mark.parametrize("name", ["", "_", "a b", "x" * 65, "a.b"])
def test_new_key_of_nobody(capsys: Capture, name: str) -> None:
    """A name that could not be configured is refused."""
    with pytest.raises(SystemExit) as caught:
        main(["new-key", name])

    assert caught.value.code == 2
    assert "a consumer is [a-z0-9]" in capsys.readouterr().err


def test_sandbox_keeps_required(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox opens the door only when nobody said that it be shut."""
    monkeypatch.setenv("TASKGATE_AUTH", "required")

    assert main(["serve", "--sandbox"], run=refused) == 2
    assert "TASKGATE_AUTH" in capsys.readouterr().err


def test_wrong_setting(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong setting is a sentence, not a traceback."""
    monkeypatch.setenv("TASKGATE_UPSTREAM__TIMEOUT_S", "soon")

    assert main(["check"]) == 2
    assert capsys.readouterr().err.startswith("taskgate: TASKGATE_UPSTREAM__TIMEOUT_S: ")


@pytest.mark.parametrize("port", ["65536", "-1", "http", "8_0", "²"])
def test_wrong_port(capsys: Capture, port: str) -> None:
    """A wrong port on the command line is told with what is allowed."""
    with pytest.raises(SystemExit) as caught:
        main(["serve", f"--port={port}"], run=refused)

    assert caught.value.code == 2
    assert "--port: a port is a number from 0 to 65535" in capsys.readouterr().err


def test_sandbox(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line beats the environment, port 0 too; the log says that data is invented."""
    monkeypatch.setenv("TASKGATE_PORT", "1")
    monkeypatch.setenv("TASKGATE_PROT", "2")
    served = Served()

    assert main(["serve", "--sandbox", "--port", "0"], run=served) == 0

    (url,) = served.urls
    assert url.startswith("http://127.0.0.1:")
    assert not url.endswith(":1")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    unknown, sandbox = lines
    assert (unknown["event"], unknown["did_you_mean"]) == ("unknown_setting", "TASKGATE_PORT")
    assert (sandbox["event"], sandbox["detail"]) == ("sandbox_serving", "all data is invented")


def test_open_account(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """A real account is served when it was said that everybody may ask; nothing is invented."""
    account.setenv("TASKGATE_AUTH", "off")
    account.setenv("TASKGATE_HOST", "::1")
    served = Served()

    assert main(["serve", "--port", "0"], run=served) == 0
    assert served.urls[0].startswith("http://[::1]:")
    assert capsys.readouterr() == ("", "")


def test_address_taken(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """An address that is taken ends `serve` with status 1 and a sentence."""
    account.setenv("TASKGATE_AUTH", "off")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        account.setenv("TASKGATE_PORT", str(taken.getsockname()[1]))

        assert main(["serve"], run=refused) == 1

    assert "can't listen: Address already in use" in capsys.readouterr().err


class Told(Server):
    """Gets a signal as soon as it serves."""

    signal = signal.SIGTERM

    @override
    async def main_loop(self) -> None:
        signal.raise_signal(self.signal)
        await super().main_loop()


@pytest.fixture
def thawed() -> Iterator[None]:
    """Let the garbage collector look through everything, before and after."""
    gc.unfreeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_until_told(sent: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the server in order, not ready from the first moment."""
    readiness = Readiness(degraded=bool, overloaded=bool, started=True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""

    listener = socket.create_server(("127.0.0.1", 0))
    server = Told(uvicorn.Config(app, log_config=None, lifespan="off"), listener, readiness)
    server.signal = sent
    with structlog.testing.capture_logs() as lines:
        until_told(server)

    assert readiness.status == "draining"
    assert [line["event"] for line in lines] == ["serving", "draining", "stopped"]
    assert listener.fileno() == -1
    assert gc.get_freeze_count() > 0, "a full collection looks through all that serves for good"


def test_check(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """`check` logs in, reads one task, prints what it found, and no secret."""
    del account

    assert main(["check"]) == 0

    told, _ = capsys.readouterr()
    assert "  logged in\n  newest task: eu2." in told
    assert told.endswith("\nok\n")
    assert DEFAULT_CLIENT_SECRET not in told


def test_check_wrong_secret(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """A refused secret is told in words, with the variables to look at, and status 1."""
    account.setenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET", CANARY)

    assert main(["check"]) == 1

    told = capsys.readouterr()
    assert "knows no client with these credentials" in told.out
    assert "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET" in told.out
    assert "1 of 1 accounts failed" in told.out
    assert CANARY not in told.out + told.err


def test_check_unreachable(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """Every account is checked, whatever became of those before it."""
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        account.setenv("TASKGATE_ACCOUNTS__DOWN__URL", f"http://127.0.0.1:{port}")
        account.setenv("TASKGATE_ACCOUNTS__DOWN__CLIENT_ID", "client")
        account.setenv("TASKGATE_ACCOUNTS__DOWN__CLIENT_SECRET", CANARY)
        account.setenv("TASKGATE_UPSTREAM__DEADLINE_S", "1.5")

        assert main(["check"]) == 1

    told = capsys.readouterr().out
    assert "upstream-unavailable: The platform's host refuses the connection." in told
    assert "newest task: eu2." in told


def test_check_without_account(capsys: Capture) -> None:
    """There must be something to check."""
    assert main(["check"]) == 2
    assert "No account is configured" in capsys.readouterr().err


def test_openapi(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is printed whatever the environment says, be it wrong."""
    assert main(["openapi"]) == 0
    plain = capsys.readouterr().out
    monkeypatch.setenv("TASKGATE_PORT", "http")
    monkeypatch.setenv("TASKGATE_DOCS", "off")

    assert main(["openapi"]) == 0
    assert capsys.readouterr().out == plain
    assert json.loads(plain)["info"]["title"] == "Taskgate"


def test_version(capsys: Capture) -> None:
    """`--version` says what runs."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("taskgate ")


def test_check_empty_account(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """An account that shows no task passes, with a hint: a missing role looks the same."""
    token = {"access_token": "opaque", "token_type": "bearer", "expires_in": 7200}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the platform does for a client that sees nothing."""
        answer = token if scope["path"].endswith("/token") else {"items": [], "paging": {}}
        await JSONResponse(answer)(scope, receive, send)

    with SandboxServer(app) as server:
        account.setenv("TASKGATE_ACCOUNTS__EU2__URL", server.url)

        assert main(["check"]) == 0

    assert "no task is visible" in capsys.readouterr().out


@pytest.mark.parametrize("secret", [None, CANARY])
def test_cursors_not_shared(capsys: Capture, bi: pytest.MonkeyPatch, secret: str | None) -> None:
    """With Valkey there are replicas, so cursors that each seals for itself are a warning."""
    bi.setenv("TASKGATE_VALKEY_URL", "redis://127.0.0.1:9")
    if secret:
        bi.setenv("TASKGATE_CURSOR_SECRET", secret)

    assert main(["serve", "--port", "0"], run=lambda _: None) == 0
    assert ("cursors_not_shared" in capsys.readouterr().out) is (secret is None)


def test_check_valkey(capsys: Capture, account: pytest.MonkeyPatch) -> None:
    """`check` asks Valkey to take something, and names its host alone."""
    with closing(Valkey()) as server:
        account.setenv("TASKGATE_VALKEY_URL", server.url.replace("//", f"//:{CANARY}@"))
        with server.asked() as client:
            client.config_set("requirepass", CANARY)
            answered = main(["check"]), capsys.readouterr().out
            client.replicaof("127.0.0.1", "1")
        refused = main(["check"]), capsys.readouterr().out
        server.stop()
        silent = main(["check"]), capsys.readouterr().out

    assert answered[0] == 0
    assert answered[1].endswith(f"valkey: 127.0.0.1:{server.port}\n  answers\nok\n")
    assert "  does not answer: ReadOnlyError; look at TASKGATE_VALKEY_URL\n" in refused[1]
    assert (refused[0], silent[0]) == (1, 1)
    assert "  does not answer: ConnectionError; look at TASKGATE_VALKEY_URL\n" in silent[1]
    assert silent[1].endswith("\neach replica would limit rates by itself\n")
    assert CANARY not in answered[1] + silent[1]
