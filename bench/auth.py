"""What authentication costs a hit: hits a second of CPU with keys asked for and without, in turn.

CPU time, as the server itself reports it: what else the machine does then hardly counts.
"""

import contextlib
import json
import re
import statistics
import subprocess
import sys
import urllib.request

import peers

ROUNDS, SECONDS, CONNECTIONS, BOUND = 15, 2, 64, 0.05
PATH = "/v1/tasks?status=succeeded&limit=1"


def main(rounds: int = ROUNDS) -> None:
    peers.need("wrk", "taskset")
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(peers.origin())
        targets = {
            "off": stack.enter_context(peers.taskgate(upstream)),
            "required": stack.enter_context(peers.taskgate(upstream, **peers.REQUIRED)),
        }
        for url in targets.values():
            request = urllib.request.Request(url + PATH, headers=peers.HEADER)  # noqa: S310  # loopback
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                json.load(answer)
        rates: dict[str, list[float]] = {name: [] for name in targets}
        for turn in range(rounds):
            # The first of a pair may find a warmer or a colder machine: they take turns at it.
            for name in sorted(targets, reverse=bool(turn % 2)):
                began = _cpu_s(targets[name])
                hits = _wrk(targets[name] + PATH, peers.HEADER["Authorization"])
                rates[name].append(hits / (_cpu_s(targets[name]) - began))
    cost = statistics.median(
        1 - asks / open_ for open_, asks in zip(rates["off"], rates["required"], strict=True)
    )
    for name, found in rates.items():
        print(f"{name:9} {statistics.median(found):9.0f} hits a CPU second")
    print(f"cost      {cost:9.1%}")
    sys.exit(cost > BOUND)


def _cpu_s(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310  # loopback
        text = answer.read().decode()
    return float(re.search(r"^process_cpu_seconds_total ([\d.e+]+)", text, re.MULTILINE)[1])  # type: ignore[index]


def _wrk(url: str, authorization: str) -> int:
    command = ["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}"]
    command += [f"-d{SECONDS}s", "-H", f"Authorization: {authorization}", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    return int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
