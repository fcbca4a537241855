"""The servers that are compared, each on one core and a free loopback port."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from app.api.keys import digest, make_key

HERE = Path(__file__).parent
SERVER_CORE, LOAD_CORE = "0", "1"
_NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  log_format line escape=json
    '{{"request":"$request","status":$status,"cache":"$upstream_cache_status"}}';
  access_log {folder}/access.log line buffer=64k flush=1s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=kept:16m max_size=512m;
  keepalive_requests 1000000; {sending}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://127.0.0.1:{origin}; proxy_cache kept; proxy_cache_lock on;
      proxy_cache_valid 200 600s; add_header Cache-Status $upstream_cache_status;
    }}
  }}
}}
"""


_KEY = make_key(bytes(range(32)))
HEADER = {"Authorization": f"Bearer {_KEY}"}
"""What a caller of Taskgate sends when keys are asked for."""

REQUIRED = {"TASKGATE_AUTH": "required", "TASKGATE_CONSUMERS__BENCH__KEY_SHA256": digest(_KEY)}
"""The settings that ask for that key."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def load() -> str:
    """Return the load averages: figures of a busy machine are worth little."""
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def need(*programs: str) -> None:
    """End with status 0 and the reason when a program is missing: nothing was measured."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        print(f"SKIPPED: needs {', '.join(missing)} (apt-get install {' '.join(missing)})")
        sys.exit(0)


@contextlib.contextmanager
def running(
    command: list[str], port: int, *, core: str, log: IO[bytes] | None = None, **env: str
) -> Iterator[None]:
    process = subprocess.Popen(
        ["taskset", "-c", core, *command],
        env={**os.environ, **env},  # noqa: TID251  # a child of this environment, plus its settings
        stdout=log or subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await(port, process)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


@contextlib.contextmanager
def origin(*, delay_s: float = 0, status: int = 200) -> Iterator[int]:
    port = free_port()
    script = str(HERE / "origin.py")
    command = [sys.executable, script, str(port), str(delay_s), str(status)]
    with running(command, port, core=LOAD_CORE):
        yield port


@contextlib.contextmanager
def taskgate(origin_port: int, **changes: str) -> Iterator[str]:
    port = free_port()
    executable = str(Path(sys.executable).parent / "taskgate")
    settings = {
        "TASKGATE_PORT": str(port),
        "TASKGATE_AUTH": "off",
        "TASKGATE_LOG_FORMAT": "json",
        "TASKGATE_CACHE__TTL_FINISHED_S": "3600",
        "TASKGATE_ACCOUNTS__BENCH__URL": f"http://127.0.0.1:{origin_port}",
        "TASKGATE_ACCOUNTS__BENCH__CLIENT_ID": "bench",
        "TASKGATE_ACCOUNTS__BENCH__CLIENT_SECRET": "bench",
        **changes,
    }
    # To a file, as nginx does.
    with (
        tempfile.TemporaryFile() as log,
        running([executable, "serve"], port, core=SERVER_CORE, log=log, **settings),
    ):
        yield f"http://127.0.0.1:{port}"


NGINX_FORMS = {"": "", "sendfile": "sendfile on; tcp_nopush on; open_file_cache max=1000;"}
"""What nginx is told of sending: nothing, or what most configurations say; neither always wins."""


@contextlib.contextmanager
def nginx(origin_port: int, sending: str = "") -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(
            _NGINX.format(folder=folder, port=port, origin=origin_port, sending=sending)
        )
        with running(["nginx", "-p", folder, "-c", str(config)], port, core=SERVER_CORE):
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def varnish(origin_port: int) -> Iterator[str]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # its worker is another user
        command = ["varnishd", "-F", "-n", folder, "-a", f"127.0.0.1:{port}"]
        command += ["-b", f"127.0.0.1:{origin_port}", "-s", "malloc,512m"]
        with running(command, port, core=SERVER_CORE):
            yield f"http://127.0.0.1:{port}"


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)  # noqa: TID251  # waits for another process
    raise RuntimeError(f"{process.args!r} does not listen")
