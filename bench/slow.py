"""What slow callers do to others: `slowhttptest` in its three ways against the real process."""

import contextlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from app.api.keys import digest, make_key

TASKGATE = Path(sys.executable).with_name("taskgate")
EVERY_S = 0.1
BOUND_S = 1.0  # the slowest answer of a probe
SCRIPT = "/static/redoc/redoc.standalone.js"  # 1.1 MB: more than a socket's buffers hold
WAYS = {
    "slow heads (-H)": ["-H", "-c", "3000", "-r", "1000", "-i", "5", "-x", "24", "-l", "30"],
    "slow heads, more than fit (-H)": ["-H", "-c", "6000", "-r", "2000", "-i", "5", "-l", "30"],
    "slow bodies (-B)": ["-B", "-c", "3000", "-r", "1000", "-i", "5", "-s", "8192", "-l", "30"],
    "slow readers (-X)": ["-X", "-c", "1000", "-r", "500", "-w", "512", "-y", "1024", "-n", "5",
                          "-z", "32", "-k", "1", "-l", "60"],
}  # fmt: skip
KEY = make_key(bytes(range(32)))
OTHER_KEY = make_key(bytes(range(1, 33)))
# Only of who may purge a body is read; the tool has no flag for headers, but for this one.
WAYS["slow bodies, an admin's (-B)"] = [
    *["-B", "-c", "1500", "-r", "1000", "-i", "5", "-s", "8192", "-l", "30"],
    *["-f", f"application/json\r\nX-API-Key: {KEY}"],
]
CONSUMER = {
    "TASKGATE_AUTH": "required",
    "TASKGATE_CONSUMERS__BENCH__KEY_SHA256": digest(KEY),
    "TASKGATE_CONSUMERS__BENCH__ADMIN": "true",
    # Another one asks beside: a consumer has a quarter of the places, and these may be taken.
    "TASKGATE_CONSUMERS__OTHER__KEY_SHA256": digest(OTHER_KEY),
}
PATHS = {"-H": "/v1/tasks", "-B": "/v1/admin/purge", "-X": SCRIPT}


class Seen(NamedTuple):
    """What one way did: times of probes and hits in seconds, memory in MiB, connections cut."""

    probes_s: list[float]
    hits_s: list[float]
    before_mib: float
    most_mib: float
    after_mib: float
    cut: dict[str, int]
    open_after: int


def main() -> None:
    if shutil.which("slowhttptest") is None:
        sys.exit("slowhttptest is not installed")
    broken = False
    print("| Way | probe: median, worst | kept answer | memory before, most, after | cut |")
    print("|---|---|---|---|---|")
    for name, arguments in WAYS.items():
        seen = run(arguments)
        broken = broken or max(seen.probes_s) > BOUND_S
        cut = ", ".join(f"{bound} {number}" for bound, number in seen.cut.items())
        print(
            f"| {name} | {_ms(seen.probes_s)} | {_ms(seen.hits_s)} | {seen.before_mib:.0f}, "
            f"{seen.most_mib:.0f}, {seen.after_mib:.0f} MiB | {cut}; {seen.open_after} open after |"
        )
    sys.exit(broken)


def run(arguments: list[str]) -> Seen:
    """Let slow callers come in one way, and ask beside them all the time."""
    with served() as (server, url):
        _asked_s(f"{url}/v1/tasks")
        before, most = _rss_mib(server), 0.0
        probes_s, hits_s = [], []
        command = ["slowhttptest", *arguments, "-u", url + PATHS[arguments[0]], "-p", "3"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as attack:
            while attack.poll() is None:
                probes_s.append(_asked_s(f"{url}/healthz"))
                hits_s.append(_asked_s(f"{url}/v1/tasks?max_stale=999"))
                most = max(most, _rss_mib(server))
                time.sleep(EVERY_S)  # noqa: TID251  # between two probes
        with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310  # loopback
            text = answer.read().decode()
        found = re.findall(r'connections_cut_total\{bound="(\w+)"\} ([\d.]+)', text)
        open_after = int(re.findall(r"process_open_fds ([\d.]+)", text)[0].split(".")[0])
        cut = {bound: int(float(number)) for bound, number in found}
        return Seen(probes_s, hits_s, before, most, _rss_mib(server), cut, open_after)


@contextlib.contextmanager
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `taskgate serve --sandbox`; its lines go to nobody once it serves."""
    command = [str(TASKGATE), "serve", "--sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=CONSUMER) as server:
        assert server.stdout is not None  # noqa: S101
        line: dict[str, str] = {}
        while line.get("event") != "serving":
            line = json.loads(server.stdout.readline())
        # Else a full pipe would stop it.
        with subprocess.Popen(["cat"], stdin=server.stdout, stdout=subprocess.DEVNULL):
            try:
                yield server, line["url"]
            finally:
                server.terminate()


def _asked_s(url: str) -> float:
    request = urllib.request.Request(url, headers={"X-API-Key": OTHER_KEY})  # noqa: S310  # loopback
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            answer.read()
    except (urllib.error.URLError, OSError):
        return float("inf")  # refused, or silent
    return time.perf_counter() - began


def _rss_mib(server: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def _ms(times_s: list[float]) -> str:
    return f"{statistics.median(times_s) * 1000:.1f} and {max(times_s) * 1000:.0f} ms"


if __name__ == "__main__":
    main()
