"""What it costs to read or refuse a query string, against `urllib.parse.parse_qsl` of the same.

Usage: `.venv/bin/python bench/parsing.py [STRINGS]`; see README.md.
"""

import gc
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
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

ROUNDS = 60
REPEATS = 10
BUDGET = 20
EXEMPT = {"priorities, unknown", "8 kB of one list"}  # README.md tells why
VALUES = 100  # the most between commas, but for ids
FIELDS = TASK_PARAMETERS.by_name["fields"].schema["enum"]
NUMBERED = [name for name, each in TASK_PARAMETERS.by_name.items() if each.many]
NUMBERED = [name for name in NUMBERED if "enum" not in TASK_PARAMETERS.by_name[name].schema]
IDS = ",".join(str(944455285181775873 + number * 4096) for number in range(200))
ALL = "&".join(
    f"{name}={quote(parameter.example or 'abc')}"
    for name, parameter in TASK_PARAMETERS.by_name.items()
)


def uuid(number: int) -> str:
    return f"38045860-8901-426e-b51f-{number:012x}"


def several(values: Iterable[object]) -> str:
    """Return values between commas, in an order of no help to who sorts them."""
    told = [str(value) for value in values]
    Random(0).shuffle(told)  # noqa: S311  # no secret
    return ",".join(told)


def slips(number: int) -> str:
    """Return wrong names that are near to many known ones."""
    return "&".join(f"restarted_bef{chr(97 + each)}=1" for each in range(number))


# Each list as long as it may be, and where reading at once might not help.
LISTS = {
    **{f"{name}=…": f"{name}={several(range(VALUES))}" for name in NUMBERED},
    "200 short ids": f"id={several(range(200))}",
    "200 UUIDs as ids": f"id={several(map(uuid, range(200)))}",
    "UUIDs of plans": f"policy={several(map(uuid, range(VALUES)))}",
    "the same in capitals": f"policy={several(map(uuid, range(VALUES))).upper()}",
    "one in capitals": f"policy={uuid(171).upper()},{several(f'A{n}' for n in range(VALUES - 1))}",
    "tenants in capitals": f"tenant={several(map(uuid, range(VALUES))).upper()}",
    "19 digits": f"workflow={several(1175855112431136768 + n for n in range(VALUES))}",
    "the greatest numbers": f"workflow={several(2**63 - 1 - n for n in range(VALUES))}",
    "wrong at the end": f"workflow={several(range(VALUES - 1))},x",
    "commas in values": f"tag={several(f'{n}{chr(92)},{n}' for n in range(VALUES))}",
    "priorities, known": f"priority=LOW,{several(f'a{n}' for n in range(VALUES - 1))}",
    "priorities, unknown": f"priority={several(f'a_b{n}' for n in range(VALUES))}",
    "every status": f"status={several(TASK_PARAMETERS.by_name['status'].schema['enum'])}",
    "one group again": "status_group=" + ",".join(["failure"] * VALUES),
    "every field": f"fields={several(FIELDS)}",
    "fields, no parts": f"fields={several(name for name in FIELDS if '.' not in name)}",
    "20 fields": f"fields={several([name for name in FIELDS if '.' not in name][:20])}",
    "8 kB of lists": "&".join(
        f"{name}={several(range(start, start + VALUES))}"
        for start in (0, VALUES)
        for name in NUMBERED
    )[:8000],
    "8 kB of one list": "&".join(
        f"type={several(range(start, start + VALUES))}" for start in range(0, 1600, VALUES)
    ),
    **{
        f"{name}=, {VALUES} times": "&".join(f"{name}={n}" for n in range(VALUES))
        for name in ("type", "workflow", "tenant", "priority")
    },
}
MISTAKES = {
    **{f"{number} near names": slips(number) for number in (1, 2, 3, 6, 20)},
    "other near names": "&".join(f"compelted_befo{number}=1" for number in range(20)),
    "names backwards": "&".join(f"{name[::-1]}=1" for name in [*TASK_PARAMETERS.by_name][:20]),
    "two wrong words": "status=quueed,ruunnning",
    "two wrong fields": "fields=statu.id,tenant.ancestor_id",
    "wrong everywhere": "&".join(
        f"{name}=faild,cancled" for name in ("status", "status_group", "category", "fields", "sort")
    ),
    "nothing everywhere": "&".join(f"{name}=," for name in TASK_PARAMETERS.by_name),
}
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
    **LISTS,
    **MISTAKES,
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
        # The fastest are those that nothing else on the machine came between.
        split, whole = (min(column) * 1e6 for column in zip(*rounds, strict=True))
        ratio = whole / split
        held = held and (ratio <= BUDGET or name in EXEMPT)
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
