"""The wire: envelopes in all their forms, items of odd shape, refusals."""

import contextlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from app.errors import UpstreamInvalidResponseError
from app.platform.decoding import read_activity, read_items, read_object, read_refusal, read_task

SAMPLES = Path(__file__).parents[1] / "data" / "samples"


def sample(name: str) -> bytes:
    """Return the bytes of a sample."""
    return (SAMPLES / f"{name}.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "count", "after"),
    [
        ("tasks_page_1", 2, "0A8AAAAAAAAAAA=="),
        ("tasks_page_middle", 2, "0g8AAAAAAAAAAA=="),
        ("tasks_page_openapi_envelope", 2, "0A8AAAAAAAAAAA=="),
        ("tasks_page_2", 1, None),
        ("tasks_page_last_without_paging", 1, None),
        ("tasks_page_last_empty_cursors", 0, None),
        ("tasks_list_empty", 0, None),
    ],
)
def test_envelope(name: str, count: int, after: str | None) -> None:
    """Cursors stand in two places, and the last page has three forms (P§8, 9)."""
    items, cursor = read_items(sample(name), "eu2")

    assert (len(items), cursor) == (count, after)


@pytest.mark.parametrize(
    "cursors",
    [b'{"after":""}', b'{"after":null}', b"null", b"{}"],
)
def test_no_cursor(cursors: bytes) -> None:
    """An empty or a null cursor means what a missing one does."""
    assert read_items(b'{"items":[],"paging":{"cursors":%b}}' % cursors, "eu2") == ([], None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>502 Bad Gateway</body></html>", id="HTML"),
        pytest.param(b'{"items":[{"id":1},{"i', id="cut short"),
        pytest.param(b'{"items":[]} {"items":[]}', id="two values"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"items"', id="a word"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="no items"),
        pytest.param(b'{"items":null}', id="null items"),
        pytest.param(b'{"items":{}}', id="items is an object"),
        pytest.param(b'{"items":[],"paging":{"cursors":{"after":7}}}', id="cursor is a number"),
        pytest.param(b'{"items":[NaN]}', id="not a number"),
        pytest.param(b'{"items":[],"cursors":{"after":"\xff"}}', id="cursor is not UTF-8"),
        pytest.param(b'{"items":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", id="nesting bomb"),
        pytest.param(b"\x00\x01\x02", id="binary"),
        pytest.param(b'{"items":[],"error":{"code":"x"}}', id="an error beside no items"),
        pytest.param(b'{"items":[{"id":1}],"error":{}}', id="an error that says nothing"),
        pytest.param(b'{"items":[],"error":"invalid_token"}', id="an error in a word"),
    ],
)
def test_not_a_page(body: bytes) -> None:
    """A body that is no envelope is the platform's failure, never an empty page."""
    with pytest.raises(UpstreamInvalidResponseError) as caught:
        read_items(body, "eu2")

    assert caught.value.account == "eu2"


def test_no_error() -> None:
    """A null error is none, as every null is an absent key (P§10)."""
    assert read_items(b'{"items":[],"error":null}', "eu2") == ([], None)


def test_half_a_surrogate_pair() -> None:
    """A character cut in half costs that character, not the page; whole ones stay."""
    body = rb'{"items":[{"id":1,"queue":"a\ud83d","type":"\ud83d\ude00","uuid":"\\ud83d"}]}'
    items, _ = read_items(body, "eu2")
    task, odd = read_task(items[0])

    assert task is not None
    assert (task.queue, task.type, task.uuid) == ("a\ufffd", "\U0001f600", r"\ud83d")
    assert odd == ()


def test_odd_values() -> None:
    """Values of an odd shape are left out one by one and named; the rest of the item is kept."""
    odd_task = {
        "id": 7,
        "queue": ["backup"],
        "tags": ["a", 5, None, "b"],
        "assignCount": -1,
        "tenant": "none",
        "progress": {"total": 100, "current": 2**70},
        "result": {"code": "error", "error": {"code": 5, "context": {"cause_str": 0}}},
        "context": {"_src": [[[1]]], "title": "A title", "ProcessID": 10**400},
    }
    task, odd = read_task(Raw(json.dumps(odd_task)))

    assert task is not None
    assert (task.id, task.queue, task.tags, task.tenant) == (7, None, ["a", "b"], None)
    assert task.progress is not None
    assert (task.progress.total, task.progress.current) == (100, None)
    assert task.context is not None
    assert task.context.title == "A title"
    assert set(odd) == {
        "queue",
        "tags[]",
        "assignCount",
        "tenant",
        "progress.current",
        "result.error.context.cause_str",
    }
    assert odd.count("tags[]") == 2


@pytest.mark.parametrize("item", [b"null", b"5", b'"task"', b"[]", b"true"])
def test_no_object(item: bytes) -> None:
    """An item that is no object can't be read at all, and says so."""
    assert read_task(Raw(item)) == (None, ("",))


def test_not_utf8() -> None:
    """Text that is not UTF-8 costs the field it stands in, not the page."""
    items, _ = read_items(b'{"items":[{"id":1,"queue":"\xff","type":"T"}]}', "eu2")
    task, odd = read_task(items[0])

    assert task is not None
    assert (task.id, task.queue, task.type, odd) == (1, None, "T", ("queue",))


def test_null_is_absent() -> None:
    """A null stands for a missing key, everywhere (P§10)."""
    sent, odd = read_task(Raw(b'{"id":1,"tags":null,"context":null,"result":{"error":null}}'))

    assert sent is not None
    assert (sent.tags, sent.context, odd) == (None, None, ())


def test_object() -> None:
    """A single object comes bare (P§9)."""
    assert bytes(read_object(b' {"id":1} ', "eu2")).strip() == b'{"id":1}'


@pytest.mark.parametrize(
    ("name", "code", "domain", "message"),
    [
        (
            "error_400_bad_condition_field",
            "BadRequest",
            "TaskManager",
            "bad condition field 'tenant_id'",
        ),
        ("error_404_task", "NotFound", "TaskManager", "NotFound"),
        ("error_429", "tooManyRequests", "TaskManager", "Too many requests."),
        ("error_401_wrapped", "UnauthorizedRequest", "Access", "Authorization failed."),
        (
            "error_400_account_wrapped",
            "1006",
            "PlatformAccountServer",
            "It is prohibited to delete a non-disabled tenant.",
        ),
        ("token_error_401", "invalid_client", None, "Client authentication failed"),
    ],
)
def test_refusal(name: str, code: str, domain: str | None, message: str) -> None:
    """Bare, wrapped and OAuth errors are read alike; codes may be numbers (P§12.2)."""
    refusal = read_refusal(sample(name), 400)

    assert (refusal.status, refusal.code) == (400, code)
    assert (refusal.domain, refusal.message) == (domain, message)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b"5",
        b"\xff",
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"error":null}',
        b'{"error":{"code":true,"debug":[]}}',
        b'{"code":"","message":""}',
    ],
)
def test_refusal_without_words(body: bytes) -> None:
    """A refusal in HTML, or in no shape at all, still has its status."""
    refusal = read_refusal(body, 502)

    assert (refusal.status, refusal.code, refusal.message) == (502, None, None)


def test_refusal_is_bounded() -> None:
    """A code of any length is cut, for it goes into logs and answers."""
    assert len(read_refusal(b'{"code":"%b"}' % (b"x" * 9000), 400).code or "") == 300


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,items0\\ud8', max_size=40).map(str.encode))
def test_garbage(body: bytes) -> None:
    """No body makes the readers raise anything but the platform's failure."""
    assert read_refusal(body, 500).status == 500
    with contextlib.suppress(UpstreamInvalidResponseError):
        read_items(body, "eu2")


def test_crowd_of_items() -> None:
    """Items beyond those that were asked for cost nothing: they are skipped, not built."""
    body = b'{"items":[%b{}]}' % (b"{}," * 300_000)
    tracemalloc.start()
    with pytest.raises(UpstreamInvalidResponseError, match="more items"):
        read_items(body, "eu2", items_max=100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 300_000


@pytest.mark.parametrize("read", [read_task, read_activity])
def test_crowd_in_an_item(read: Callable[[Raw], object]) -> None:
    """An item of more values than any task has is not read; a large one of few is."""
    crowd = Raw(b'{"result":{"warnings":[%b{}]}}' % (b"{}," * 200_000))
    large = Raw(b'{"tags":["%b"]}' % (b"x" * 400_000))

    assert read(crowd) == (None, ())
    assert read(large) != (None, ())


def test_crowd_in_a_refusal() -> None:
    """A refusal of some size is read no further than its status."""
    body = b'{"code":"busy","rest":[%b0]}' % (b"0," * 200_000)

    assert read_refusal(body, 503).code is None
