"""What is wrong with an answer, whatever was asked: exact, for nothing here is guessed."""

import json
import re
import zlib
from typing import NamedTuple

import brotli  # type: ignore[import-untyped]  # ships no types
import zstandard

from app.api.problem_pages import problem_kinds
from tests.fuzz.world import betrayed

# The platform of this world never fails, so neither may an answer.
_FINE = {200, 204, 304, 307, 400, 401, 403, 404, 405, 406, 409, 413, 414, 429, 431, 504}
_BODYLESS = {204, 304}
_STATUS = {kind.slug: kind.status for kind in problem_kinds().items}
_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]*\Z")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)\Z")
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
_PARTS = re.compile(rb"([0-9a-f]+)\r\n")


class Asked(NamedTuple):
    """One request: who, how, what, in which bytes; `ragged` when it may be none or several."""

    kind: str
    method: bytes
    target: bytes
    sent: bytes
    etags: bytes
    waits: bool
    ragged: bool


class Answer(NamedTuple):
    """The first answer of a connection, its body decoded; `rest` is what came after it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    rest: bytes


class MalformedError(Exception):
    """The bytes are no answer of HTTP/1.1."""


def faults(asked: Asked, said: bytes, own_etags: set[bytes]) -> list[str]:
    """Return what is wrong; `own_etags` are those that this consumer was given before."""
    if not said:
        return [] if asked.ragged else ["no answer"]
    try:
        answer = parse(said, headless=asked.method == b"HEAD")
    except MalformedError as exc:
        return [f"malformed: {exc}"]
    found = [f"betrays {mark!r}" for mark in betrayed(asked.kind, said + answer.body)]
    if answer.rest and not asked.ragged:
        found.append("more than one answer")
    if answer.status not in _FINE:
        found.append(f"status {answer.status}")
    names = {b"x-request-id", b"traceparent"}
    if answer.status != 204 and not names <= answer.headers.keys():  # a preflight has none
        found.append("no request id, or no trace")
    if answer.status == 304 and b"*" not in asked.etags and not _known(asked.etags, own_etags):
        found.append("304 for a foreign etag")
    if not asked.kind and answer.status in {200, 304} and asked.target.startswith(b"/v1"):
        found.append("let in a stranger")
    if answer.status >= 400:
        found += _no_problem(asked, answer)
    elif answer.body and answer.headers.get(b"content-type") == b"application/json":
        found += _no_json(answer.body)
    return found


def parse(said: bytes, *, headless: bool) -> Answer:
    """Read the first answer in `said`.

    Raises:
        MalformedError: a line is none, a field is there twice, or the length is not kept.
    """
    head, blank, rest = said.removeprefix(_GO_ON).partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    line = _LINE.match(first)
    fields = [_FIELD.match(text) for text in lines]
    if not blank or line is None or None in fields:
        raise MalformedError("no head")
    pairs = [(field[1].lower(), field[2]) for field in fields if field]
    headers = dict(pairs)
    once = [name for name, _ in pairs if name not in {b"vary", b"link"}]
    if len(set(once)) != len(once):
        raise MalformedError("a field is there twice")
    status = int(line[1])
    # What could not be read has no method: its refusal has a body also where HEAD was meant.
    refused = bool(rest) and headers.get(b"connection") == b"close"
    if status in _BODYLESS or (headless and not refused):
        return Answer(status, headers, b"", rest)
    body, rest = _cut(headers, rest)
    return Answer(status, headers, _decoded(headers, body), rest)


def _cut(headers: dict[bytes, bytes], rest: bytes) -> tuple[bytes, bytes]:
    if headers.get(b"transfer-encoding") == b"chunked":
        body, at = b"", 0
        while part := _PARTS.match(rest, at):
            length = int(part[1], 16)
            body += rest[part.end() : part.end() + length]
            at = part.end() + length + 2
            if not length:
                return body, rest[at:]
        raise MalformedError("a chunk is missing")
    length = int(headers.get(b"content-length", b"-1"))
    if not 0 <= length <= len(rest):
        raise MalformedError(f"{len(rest)} bytes instead of {length}")
    return rest[:length], rest[length:]


def _decoded(headers: dict[bytes, bytes], body: bytes) -> bytes:
    match headers.get(b"content-encoding"):
        case None:
            return body
        case b"gzip":
            return zlib.decompress(body, 31)
        case b"br":
            return bytes(brotli.decompress(body))
        case b"zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        case other:
            raise MalformedError(f"encoded as {other!r}")


def _known(etags: bytes, own: set[bytes]) -> bool:
    return any(etag in etags for etag in own)


def _no_problem(asked: Asked, answer: Answer) -> list[str]:
    if answer.headers.get(b"content-type") != b"application/problem+json":
        return ["an error that is no problem"]
    if asked.method == b"HEAD":
        return []
    try:
        problem = json.loads(answer.body)
    except ValueError:
        return ["a problem that is no JSON"]
    code = problem["code"]
    if _STATUS.get(code) != answer.status or problem["type"] != f"/problems/{code}":
        return [f"{code} with status {answer.status}"]
    timely = {"not-cached"} | ({"upstream-timeout"} if asked.waits else set())
    return [] if answer.status != 504 or code in timely else [f"{code} of a platform that is well"]


def _no_json(body: bytes) -> list[str]:
    try:
        json.loads(body)
    except ValueError:
        return ["no JSON"]
    return []
