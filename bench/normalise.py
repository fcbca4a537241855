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
from time import perf_counter

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.platform.normalise import read_page  # noqa: E402  # a script beside the package

SAMPLES = ROOT / "tests" / "data" / "samples"
TASKS = 1000
ROUNDS = 21
BUDGET = 1.5


def page_of(names: list[str]) -> bytes:
    """Return a page of 1,000 tasks: the samples in turn, each with an id of its own."""
    tasks = []
    for name in names:
        body = json.loads((SAMPLES / name).read_bytes())
        tasks += body.get("items", [body])
    items = []
    for number, task in zip(range(TASKS), itertools.cycle(tasks), strict=False):
        id_ = 944455285181775873 + number * 4096
        items.append({**task, "id": id_, "idString": str(id_)})
    page = {"items": items, "paging": {"cursors": {"after": "0A8AAAAAAAAAAA=="}}}
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()


def normalise(body: bytes) -> None:
    readings, _ = read_page(body, "eu2")
    msgspec.json.encode([reading.item for reading in readings])


def decode_and_normalise(body: bytes) -> None:
    read_page(body, "eu2")


def seconds(call: Callable[[bytes], object], body: bytes) -> float:
    began = perf_counter()
    call(body)
    return perf_counter() - began


def main() -> int:
    pages = {
        "every sample": page_of(sorted(path.name for path in SAMPLES.glob("task*.json"))),
        "single tasks, full": page_of(sorted(path.name for path in SAMPLES.glob("task_*.json"))),
        "lists, short": page_of(["tasks_page_1.json", "tasks_list_in_progress.json"]),
        "the seed": page_of(["task_seed.json"]),
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
        over |= ratio > BUDGET
        print(
            f"{name:<20} {len(body) / 1000:>6.0f} {base * 1e3:>6.1f}ms {read * 1e3:>6.1f}ms"
            f" {whole * 1e3:>6.1f}ms {ratio:>6.2f} {max(ratios):>6.2f}"
        )
    print(f"budget {BUDGET}: {'exceeded' if over else 'kept'}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
