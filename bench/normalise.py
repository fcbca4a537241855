"""What it costs to decode, normalise and encode a page of tasks, against `json.loads` of its bytes.

Usage: `.venv/bin/python bench/normalise.py [PAGE.json ...]`; see README.md.
"""

import gc
import itertools
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# A script beside the package: the path comes first.
from app.platform.normalise import read_page  # noqa: E402
from app.sandbox.dataset import Dataset, print_row  # noqa: E402

SAMPLES = ROOT / "tests" / "data" / "samples"
TASKS = 1000
ROUNDS = 21
BUDGET = 1.5
# The client always asks for `lod=full`: what comes short is measured, but not judged.
SHORT = {"samples, lod=short", "sandbox, no lod"}


def page(items: list[bytes]) -> bytes:
    return (
        b'{"items":[' + b",".join(items) + b'],"paging":{"cursors":{"after":"0A8AAAAAAAAAAA=="}}}'
    )


def samples(pattern: str) -> bytes:
    """Return a page of the samples in turn, each with an id and times of its own."""
    tasks = []
    for path in sorted(SAMPLES.glob(pattern)):
        body = json.loads(path.read_bytes())
        tasks += body.get("items", [body])
    items = []
    for number, task in zip(range(TASKS), itertools.cycle(tasks), strict=False):
        id_ = 944455285181775873 + number * 4096
        seconds = f":{number // 60 % 60:02d}:{number % 60:02d}"
        own = {key: later(value, seconds) for key, value in task.items() if key.endswith("At")}
        told = {**task, **own, "id": id_}
        if "idString" in task:
            told["idString"] = str(id_)
        items.append(msgspec.json.encode(told))
    return page(items)


def later(time: str, seconds: str) -> str:
    return time[:13] + seconds + time[19:]


def sandbox(lod: str | None) -> bytes:
    """Return the newest tasks of the built-in platform."""
    now_ns = 1_645_405_200_000_000_000
    rows = Dataset(seed=1, born_ns=now_ns, history_days=90).task_rows(now_ns)
    return page([print_row(row, lod) for row in rows[-TASKS:]])


def normalise(body: bytes) -> None:
    readings, _ = read_page(body, "eu2")
    msgspec.json.encode([reading.item for reading in readings])


def decode_and_normalise(body: bytes) -> None:
    read_page(body, "eu2")


def seconds(call: Callable[[bytes], object], body: bytes) -> float:
    began = process_time()
    call(body)
    return process_time() - began


def main() -> int:
    pages = {
        "samples": samples("task*.json"),
        "samples, lod=full": samples("task_*.json"),
        "the seed": samples("task_seed.json"),
        "sandbox, lod=full": sandbox("full"),
        "samples, lod=short": samples("tasks_*.json"),
        "sandbox, no lod": sandbox(None),
        **{Path(path).name: Path(path).read_bytes() for path in sys.argv[1:]},
    }
    calls: list[Callable[[bytes], object]] = [json.loads, decode_and_normalise, normalise]
    print(f"{'page':<20} {'KB':>6} {'loads':>8} {'in':>8} {'in+out':>8} {'ratio':>6} {'worst':>6}")
    over = False
    for name, body in pages.items():
        for call in calls:
            call(body)
        gc.collect()
        rounds = [[seconds(call, body) for call in calls] for _ in range(ROUNDS)]
        base, read, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [row[2] / row[0] for row in rounds]
        ratio = statistics.median(ratios)
        over |= ratio > BUDGET and name not in SHORT
        print(
            f"{name:<20} {len(body) / 1000:>6.0f} {base * 1e3:>6.1f}ms {read * 1e3:>6.1f}ms"
            f" {whole * 1e3:>6.1f}ms {ratio:>6.2f} {max(ratios):>6.2f}"
        )
    print(f"budget {BUDGET}: {'exceeded' if over else 'kept'}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
