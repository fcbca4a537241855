"""What authentication costs a hit: hits a second with keys asked for and without, in turn."""

import contextlib
import json
import re
import statistics
import subprocess
import sys
import urllib.request

import peers

from app.api.keys import digest, make_key

ROUNDS, SECONDS, CONNECTIONS, BOUND = 15, 2, 64, 0.05
PATH = "/v1/tasks?status=succeeded&limit=1"


def main(rounds: int = ROUNDS) -> None:
    peers.need("wrk", "taskset")
    key = make_key(bytes(range(32)))
    header = {"Authorization": f"Bearer {key}"}
    asked = {"TASKGATE_AUTH": "required", "TASKGATE_CONSUMERS__BENCH__KEY_SHA256": digest(key)}
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(peers.origin())
        targets = {
            "off": stack.enter_context(peers.taskgate(upstream)),
            "required": stack.enter_context(peers.taskgate(upstream, **asked)),
        }
        for url in targets.values():
            request = urllib.request.Request(url + PATH, headers=header)  # noqa: S310  # loopback
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                json.load(answer)
        rates: dict[str, list[float]] = {name: [] for name in targets}
        for turn in range(rounds):
            # The first of a pair may find a warmer or a colder machine: they take turns at it.
            for name in sorted(targets, reverse=bool(turn % 2)):
                rates[name].append(_wrk(targets[name] + PATH, header["Authorization"]))
    cost = statistics.median(
        1 - asks / open_ for open_, asks in zip(rates["off"], rates["required"], strict=True)
    )
    for name, found in rates.items():
        print(f"{name:9} {statistics.median(found):9.0f} hits/s")
    print(f"cost      {cost:9.1%}")
    sys.exit(cost > BOUND)


def _wrk(url: str, authorization: str) -> float:
    command = ["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}"]
    command += [f"-d{SECONDS}s", "-H", f"Authorization: {authorization}", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(text)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
