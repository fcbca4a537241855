"""The cookbook's requests and programs work: each is run against the sandbox."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import httpx
import pytest
from typing_extensions import override

from tests.support.live import program
from tests.test_process import serving

pytestmark = pytest.mark.machine

PAGE = Path(__file__).parent.parent / "docs/consumers.md"
WAIT_S = 60
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is left out of an answer: the rest of a list, or all of an object.
REST, ALL = re.compile(r",\s*…(?=\s*\])"), "{…}"


class Block(NamedTuple):
    """A fenced block of the page, and that which follows it when it is the answer."""

    language: str
    text: str
    answer: str | None


def blocks() -> Iterator[Block]:
    """Every request and every program; an answer belongs to the request before it."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for (language, text), (following, answer) in zip(found, [*found[1:], ("", "")], strict=True):
        if language != "json":
            yield Block(language, text, answer if following == "json" else None)


BLOCKS = list(blocks())
REQUESTS = [block for block in BLOCKS if block.language == "http"]
PROGRAMS = [block for block in BLOCKS if block.language != "http"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sandbox behind the gateway, as a caller meets it."""
    with serving(tmp_path_factory.mktemp("gate"), "--sandbox") as process:
        yield process.until("serving")["url"]


def read(answer: str) -> Any:
    """Return an answer as the page shows it; what is left out is an empty object."""
    return json.loads(REST.sub("", answer).replace(ALL, "{}"))


def shape_differs(shown: Any, real: Any, where: str = "$") -> list[str]:
    """Return where the page's answer has other keys or other kinds of values than the real one."""
    if shown is None or real is None or shown == {}:
        return []
    if type(shown) is not type(real):
        return [f"{where} is {type(real).__name__}"]
    if isinstance(shown, list):
        return [
            found
            for number, (one, other) in enumerate(zip(shown, real, strict=False))
            for found in shape_differs(one, other, f"{where}[{number}]")
        ]
    if not isinstance(shown, dict):
        return []
    if shown.keys() != real.keys():
        return [f"{where} has {sorted(real)}"]
    return [
        found for key in shown for found in shape_differs(shown[key], real[key], f"{where}.{key}")
    ]


@pytest.mark.parametrize("block", REQUESTS, ids=[block.text[5:45] for block in REQUESTS])
def test_request(url: str, block: Block) -> None:
    """A request is answered in the shape that the page shows, a refusal only where it is shown."""
    answer = httpx.get(url + block.text.removeprefix("GET ").strip())
    shown = read(block.answer) if block.answer else {}

    assert answer.status_code == shown.get("status", 200), answer.text
    assert shape_differs(shown, answer.json()) == []
    assert bool(answer.json().get("items")) == ("items" in shown) or not block.answer


@pytest.mark.parametrize(
    "block", PROGRAMS, ids=[f"{number} {each.language}" for number, each in enumerate(PROGRAMS)]
)
def test_program(url: str, block: Block, tmp_path: Path) -> None:
    """A program runs as it stands, and prints something."""
    if block.language == "python":
        command = [sys.executable, "-W", "error", "-c", block.text]
    else:
        script = tmp_path / "program.mjs"
        script.write_text(block.text, encoding="utf-8")
        command = [program("node"), str(script)]

    assert run(command, url) not in {"", "0", "true"}


def run(command: list[str], url: str) -> str:
    """Return what a program of the page prints when it asks the service at `url`."""
    ran = subprocess.run(  # noqa: S603  # the page's own programs
        command,
        env={"GATE_URL": url},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.strip()


UNREADABLE = {"id": "eu2.unreadable-0c", "updated_at": None, "anomalies": ["unreadable"]}
READABLE = {"id": "eu2.7", "updated_at": "2026-11-23T10:00:00.000Z", "anomalies": []}


class OnePage(BaseHTTPRequestHandler):
    """A service whose every answer holds an item that could not be read."""

    def do_GET(self) -> None:  # the library's name
        """Answer with the page."""
        page = {"items": [UNREADABLE, READABLE], "page": {"next": None}, "meta": {"complete": True}}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(page).encode())

    @override
    def log_message(self, *_: object) -> None:
        """Write nothing."""


def test_copy_with_the_unreadable() -> None:
    """The copy is kept up to date although an item has no time to move the mark by."""
    (copying,) = (block.text for block in PROGRAMS if "def update(" in block.text)
    with HTTPServer(("127.0.0.1", 0), OnePage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        printed = run([sys.executable, "-W", "error", "-c", copying], url)
        server.shutdown()

    assert printed == "2"
