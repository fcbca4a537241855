"""Size and time of each coding's levels, for a page of tasks; the figures behind the levels."""

import gzip
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # it has one function for us
import msgspec
import zstandard

SEED = Path(__file__).parent.parent / "tests/data/expected/tasks_page_1.json"
ROUNDS = 5
_NUMBER = re.compile(rb"[0-9a-f]{4,}|(?<=:)[0-9]{2}|(?<=\\.)[0-9]{3}")
_dice = random.Random(1)  # noqa: S311  # bodies, not secrets


def main(*counts: int) -> None:
    for count in counts or (1, 40, 400):
        body = _page(count)
        print(f"{count} tasks, {len(body)} bytes")
        for name, press in _codings().items():
            best_s, pressed = min(_timed(press, body) for _ in range(ROUNDS))
            share = len(pressed) / len(body)
            print(f"  {name:8} {len(pressed):8} B {share:6.1%} {best_s * 1e3:9.3f} ms")


def _page(count: int) -> bytes:
    tasks = msgspec.json.decode(SEED.read_bytes())
    items = tasks["items"] if isinstance(tasks, dict) else tasks
    told = (msgspec.json.encode(items[number % len(items)]) for number in range(count))
    # Ids, times and numbers differ from task to task; a copied page would press to nothing.
    varied = [msgspec.Raw(_NUMBER.sub(_another, each)) for each in told]
    return msgspec.json.encode({"items": varied})


def _another(match: re.Match[bytes]) -> bytes:
    return bytes(_dice.choices(b"0123456789abcdef", k=len(match[0])))


def _codings() -> dict[str, Callable[[bytes], bytes]]:
    gzips = {f"gzip {n}": (lambda b, n=n: gzip.compress(b, n, mtime=0)) for n in (1, 4, 6, 9)}
    brs = {f"br {n}": (lambda b, n=n: brotli.compress(b, quality=n)) for n in (1, 3, 4, 5, 6, 9)}
    zstds = {
        f"zstd {n}": (lambda b, n=n: zstandard.ZstdCompressor(level=n).compress(b))
        for n in (1, 3, 5, 7, 9, 12)
    }
    return {**gzips, **brs, **zstds}


def _timed(press: Callable[[bytes], bytes], body: bytes) -> tuple[float, bytes]:
    began = time.perf_counter()
    pressed = press(body)
    return time.perf_counter() - began, pressed


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
