"""The pages that explain failures."""

import pytest

from app.api.problem_pages import problem_kinds
from tests.support.edge import edge


async def test_index() -> None:
    """The index is a page that links each kind and says what it means, with code set as code."""
    async with edge().client() as client:
        answer = await client.get("/problems", headers={"Accept": "text/html, application/json"})

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert 'href="problems/task-not-found"' in answer.text
    assert "<code>did_you_mean</code> names the nearest" in answer.text


async def test_index_as_json() -> None:
    """A program gets the same as JSON, by status."""
    async with edge().client() as client:
        answer = await client.get("/problems", headers={"Accept": "application/json"})

    statuses = [kind["status"] for kind in answer.json()["items"]]
    assert statuses == sorted(statuses)


async def test_page() -> None:
    """A kind's page has its title, its explanation and nothing from elsewhere."""
    async with edge().client() as client:
        answer = await client.get("/problems/task-not-found")

    assert "<h1>Task not found</h1>" in answer.text
    assert "No task has this id" in answer.text
    assert "://" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_escaped() -> None:
    """A title or docstring is text: what looks like markup is escaped."""
    async with edge().client() as client:
        answer = await client.get("/problems/upstream-invalid-response")

    assert "The platform&#x27;s answer" in answer.text


@pytest.mark.parametrize(
    ("slug", "meant"), [("task-notfound", "task-not-found"), ("zzz", None)], ids=["near", "far"]
)
async def test_unknown(slug: str, meant: str | None) -> None:
    """A slug that no kind has is a 404 that names the nearest, if one is near."""
    async with edge().client() as client:
        answer = await client.get(f"/problems/{slug}")

    assert answer.status_code == 404
    assert answer.json()["errors"][0].get("did_you_mean") == meant


def test_unique() -> None:
    """Slugs are unique, and every kind is explained."""
    kinds = problem_kinds().items

    assert len({kind.slug for kind in kinds}) == len(kinds)
    assert all(kind.explanation for kind in kinds)
