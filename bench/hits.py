"""Hits a second of a kept answer, against nginx's proxy_cache and Varnish; see README.md."""

import contextlib
import hashlib
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import peers

ROUNDS, SECONDS, CONNECTIONS = 5, 2, 64
# Made before the run, so that making them does not slow the load down.
_IDS_DIFFER = """
local requests, n = {}, 0
init = function()
  for i = 1, 20000 do
    wrk.headers["X-Request-Id"] = string.format("bench-%010d", i)
    wrk.headers["traceparent"] = string.format("00-%032x-%016x-01", i, i)
    requests[i] = wrk.format()
  end
end
request = function()
  n = n % 20000 + 1
  return requests[n]
end
"""


class Case(NamedTuple):
    """What is asked, and at least how many times nginx's and Varnish's rate it must reach."""

    name: str
    query: str
    must: tuple[float, float]
    headers: Mapping[str, str] = {}
    script: str = ""
    conditional: bool = False


_SMALL = "limit=1&fields=status,type,created_at,tenant,resource,policy,error,started_by"
_CLOSE = {"Connection": "close"}
CASES = (
    Case("1 KB", _SMALL, (1.0, 1.7)),
    Case("1 KB, ids differ", _SMALL, (0.65, 1.1), script=_IDS_DIFFER),
    Case("50 KB", "limit=34", (0.95, 1.6)),
    Case("500 KB", "limit=340", (1.2, 1.0)),
    Case("304 on 50 KB", "limit=34", (0.95, 2.0), conditional=True),
    Case("50 KB as gzip", "limit=34", (0.95, 1.3), headers={"Accept-Encoding": "gzip"}),
    Case("1 KB, new connection", _SMALL, (0.35, 0.0), headers=_CLOSE),
)
P99_MUST, MIXED_MUST = 1.5, 3.0


class Sample(NamedTuple):
    """Requests a second, and the 99th percentile in milliseconds."""

    rate: float
    p99_ms: float


def main(rounds: int = ROUNDS) -> None:
    peers.need("nginx", "varnishd", "wrk", "taskset")
    print(f"load average {peers.load()}, {rounds} rounds")
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(peers.origin())
        ours = stack.enter_context(peers.taskgate(upstream, **peers.REQUIRED))
        others = {
            f"nginx {form}".rstrip(): stack.enter_context(peers.nginx(upstream, sending))
            for form, sending in peers.NGINX_FORMS.items()
        }
        others["varnish"] = stack.enter_context(peers.varnish(upstream))
        print(f"{'hit':21} {'bytes':>7} {'of nginx':>15} {'of Varnish':>15} {'p99, of nginx':>17}")
        origin = f"http://127.0.0.1:{upstream}"
        broken = [case.name for case in CASES if not _compare(case, ours, origin, others, rounds)]
        if not _compare_mixed(ours, others["nginx"], rounds):
            broken.append("mixed")
    print(f"load average {peers.load()}; below the bound: {', '.join(broken) or 'none'}")
    sys.exit(bool(broken))


def _compare(case: Case, ours: str, origin: str, others: Mapping[str, str], rounds: int) -> bool:
    path = f"/v1/tasks?status=succeeded&{case.query}"
    mine = {**case.headers, **peers.HEADER}
    body, etag = _get(ours + path, mine)
    same = f"/answers/{hashlib.sha256(body).hexdigest()}"
    _get(origin + same, body=body)
    targets = {"taskgate": ours + path}
    targets |= {peer: url + same for peer, url in others.items()}
    for server, url in targets.items():
        for _ in range(3):
            _get(url, mine if server == "taskgate" else case.headers)
    tags = {server: etag if server == "taskgate" else '"bench"' for server in targets}
    measured: dict[str, list[Sample]] = {server: [] for server in targets}
    for _ in range(rounds):
        for server, url in targets.items():
            headers = dict(mine if server == "taskgate" else case.headers)
            if case.conditional:
                headers["If-None-Match"] = tags[server]
            measured[server].append(_wrk(url, headers, case.script))
    ratios = {peer: _ratio(measured, peer, "rate") for peer in others}
    varnish = ratios.pop("varnish")
    nginx, faster = min((ratio, peer) for peer, ratio in ratios.items())
    p99 = _ratio(measured, faster, "p99_ms")
    told = f"{nginx:6.2f} (>= {case.must[0]:4.2f}) {varnish:6.2f} (>= {case.must[1]:4.2f})"
    print(f"{case.name:21} {len(body):7} {told} {p99:6.2f} (<= {P99_MUST:4.2f}) {faster}")
    return nginx >= case.must[0] and varnish >= case.must[1] and p99 <= P99_MUST


def _ratio(measured: Mapping[str, Sequence[Sample]], peer: str, figure: str) -> float:
    """Return the median of the rounds' ratios to `peer`."""
    pairs = zip(measured["taskgate"], measured[peer], strict=True)
    ratios: list[float] = [getattr(a, figure) / getattr(b, figure) for a, b in pairs]
    return statistics.median(ratios)


def _compare_mixed(ours: str, nginx: str, rounds: int) -> bool:
    hit = f"{ours}/v1/tasks?status=succeeded&limit=34"
    size = len(_get(hit, peers.HEADER)[0])
    mixes = (
        (hit, f"{ours}/v1/tasks?status=succeeded&limit=1000&policy_name=p{{}}"),
        (f"{nginx}/page?size={size}", f"{nginx}/page?size={size * 1000 // 34}&n={{}}"),
    )
    found = [tuple(_mix(hit, f"{cold}-{turn}") for hit, cold in mixes) for turn in range(rounds)]
    ratio = statistics.median(a / b for a, b in found)
    mine, theirs = (statistics.median(each) for each in zip(*found, strict=True))
    print(
        f"300 hits/s beside 5 cold pages/s: p99 {mine:.2f} ms, nginx {theirs:.2f} ms, "
        f"ratio {ratio:.2f} (<= {MIXED_MUST})"
    )
    return ratio <= MIXED_MUST


def _mix(hit: str, cold: str) -> float:
    command = ["taskset", "-c", peers.LOAD_CORE, sys.executable, str(peers.HERE / "mixed.py")]
    return float(
        subprocess.run(
            [*command, hit, cold, peers.HEADER["Authorization"]], check=True, capture_output=True
        ).stdout
    )


def _wrk(url: str, headers: Mapping[str, str], script: str = "") -> Sample:
    command = ["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}"]
    command += [f"-d{SECONDS}s", "--latency", url]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command += ["-s", file.name] if script else []
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)[1]  # type: ignore[index]
    return Sample(float(rate), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def _get(
    url: str, headers: Mapping[str, str] = {}, *, body: bytes | None = None
) -> tuple[bytes, str]:
    """Return the body and its ETag; `body` is put there first."""
    request = urllib.request.Request(  # noqa: S310  # loopback
        url, body, headers=dict(headers), method=None if body is None else "PUT"
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.read(), answer.headers["ETag"]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
