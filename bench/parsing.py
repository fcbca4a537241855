"""What it costs to read or refuse a query string, against `urllib.parse.parse_qsl` of the same.

Usage: `.venv/bin/python bench/parsing.py [STRINGS]`; see README.md.
"""

import gc
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from urllib.parse import parse_qsl, quote

from hypothesis import given, settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# A script beside the package:
from app.domain.parameters import TASK_PARAMETERS  # noqa: E402
from app.domain.parsing import parse  # noqa: E402
from app.errors import RequestError  # noqa: E402
from tests.domain.test_storm import QUERIES, answer  # noqa: E402

ROUNDS = 15
REPEATS = 300
BUDGET = 20
IDS = ",".join(str(944455285181775873 + number * 4096) for number in range(200))
ALL = "&".join(
    f"{name}={quote(parameter.example or 'abc')}"
    for name, parameter in TASK_PARAMETERS.by_name.items()
)
STRINGS = {
    "small": "status=failed&limit=5",
    "dashboard": "status_group=failure&completed_after=24h&sort=-completed_at&fields=status,error",
    "one word": "status=failed",
    "all parameters": ALL,
    "200 ids": f"id={IDS}",
    "200 ids, repeated": "&".join(f"id={each}" for each in IDS.split(",")),
    "unknown name": "sattus=failed",
    "unknown long name": "compelted_befor=2026-11-23T10:00:00Z",
    "unknown names": "&".join(f"{name}x=1" for name in TASK_PARAMETERS.by_name),
    "nothing like it": "utm_source_of_campaign=x",
    "unknown word": "status=faild",
    "20 unknown words": "status=" + ",".join(f"faild{number}" for number in range(20)),
    "unknown field": "fields=id,tenant.ancestor_id",
    "no time": "created_after=2026-11-23T10:00:00",
    "empty window": "created_after=24h&created_before=7d",
    "8 kB of one value": f"policy_name={'x' * 8000}",
    "8 kB of wrong name": f"{'x' * 8000}=1",
    "1,600 values": "type=" + ",".join(map(str, range(1600))),
    "1,600 ids": "id=" + ",".join(map(str, range(1600))),
}


def read(text: str) -> None:
    try:
        parse(parse_qsl(text, keep_blank_values=True), TASK_PARAMETERS)
    except RequestError:
        return


def seconds(work: Callable[[str], object], text: str) -> float:
    started = perf_counter()
    for _ in range(REPEATS):
        work(text)
    return (perf_counter() - started) / REPEATS


def only_split(text: str) -> None:
    parse_qsl(text, keep_blank_values=True)


def ratios() -> bool:
    """Print a line for each string; both sides of a ratio include the splitting."""
    print(f"{'':20} {'bytes':>6} {'qsl µs':>8} {'read µs':>8} {'ratio':>6}")
    held = True
    gc.disable()
    for name, text in STRINGS.items():
        rounds = [(seconds(only_split, text), seconds(read, text)) for _ in range(ROUNDS)]
        ratio = statistics.median(whole / split for split, whole in rounds)
        split, whole = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
        held = held and ratio <= BUDGET
        print(f"{name:20} {len(text):6} {split:8.1f} {whole:8.1f} {ratio:6.1f}")
    gc.enable()
    return held


def storm(number: int) -> None:
    """Read and plan `number` query strings made by Hypothesis, for both lists; none may fail."""
    drawn = 0

    def count(pairs: list[tuple[str, str]]) -> None:
        nonlocal drawn
        drawn += 1
        answer(pairs)

    settings(max_examples=number, deadline=None, database=None)(given(QUERIES)(count))()
    print(f"{drawn} query strings, tasks and activities: answered or refused, none failed")


if __name__ == "__main__":
    storm(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
    if not ratios():
        sys.exit(f"A ratio is over {BUDGET}.")
