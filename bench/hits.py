"""Hits a second of a kept answer, against nginx's proxy_cache and Varnish; see README.md."""

import contextlib
import re
import statistics
import subprocess
import sys
import urllib.request

import peers

ROUNDS, SECONDS, CONNECTIONS = 5, 2, 64
PAGES = {"2 kB (1 task)": 1, "70 kB (50 tasks)": 50}


def main(rounds: int = ROUNDS) -> None:
    peers.need("nginx", "varnishd", "wrk", "taskset")
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(peers.origin())
        ours = stack.enter_context(peers.taskgate(upstream))
        others = {
            "nginx": stack.enter_context(peers.nginx(upstream)),
            "varnish": stack.enter_context(peers.varnish(upstream)),
        }
        print(f"{'body':18} {'server':9} {'hits/s':>9} {'ratio':>7} {'p99 ms':>8}")
        for name, tasks in PAGES.items():
            path = f"/v1/tasks?status=succeeded&limit={tasks}"
            size = len(_get(ours + path))
            targets = {"taskgate": ours + path}
            targets |= {peer: f"{url}/page?size={size}" for peer, url in others.items()}
            for url in targets.values():
                _get(url)
            _print(name, _measure(targets, rounds))


def _measure(targets: dict[str, str], rounds: int) -> dict[str, list[tuple[float, float]]]:
    measured: dict[str, list[tuple[float, float]]] = {server: [] for server in targets}
    for _ in range(rounds):
        for server, url in targets.items():
            measured[server].append(_wrk(url))
    return measured


def _print(name: str, measured: dict[str, list[tuple[float, float]]]) -> None:
    ours = [rate for rate, _ in measured["taskgate"]]
    for server, samples in measured.items():
        rates = [rate for rate, _ in samples]
        ratio = statistics.median(a / b for a, b in zip(ours, rates, strict=True))
        p99 = statistics.median(p99 for _, p99 in samples)
        print(f"{name:18} {server:9} {statistics.median(rates):9.0f} {ratio:7.3f} {p99:8.2f}")


def _wrk(url: str) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in milliseconds."""
    command = ["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}"]
    command += [f"-d{SECONDS}s", "--latency", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)[1]  # type: ignore[index]
    return float(rate), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310  # loopback
        body: bytes = answer.read()
        return body


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
