"""The documentation pages in a real browser, with an eye on what leaves the machine."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app import __version__

pytestmark = pytest.mark.machine

WIDTHS = [pytest.param(1280, id="desktop"), pytest.param(390, id="phone")]


@dataclass
class Watched:
    """A page, the hosts that it asked, and what it complained about."""

    page: Page
    hosts: set[str | None] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    """Errors, warnings, and whatever a page's policy has blocked."""

    def flat(self) -> bool:
        """Say whether nothing is wider than the window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.fixture
def watched(browser: Browser, width: int) -> Iterator[Watched]:
    """A fresh page in a window of the wanted width."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context.new_page())
    page = watched.page
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " (told) => console.error(`${told.violatedDirective} blocked ${told.blockedURI}`))"
    )
    # Addresses within the page, such as data: and blob:, have no host.
    page.on("request", lambda asked: watched.hosts.add(urlsplit(asked.url).hostname))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("console", lambda said: _note(watched, said.type, said.text))
    yield watched
    context.close()


def _note(watched: Watched, kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        watched.complaints.append(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_swagger(watched: Watched, address: str, tmp_path: Path) -> None:
    """`/docs` shows each operation and the version, and says that the data is invented."""
    page = watched.page
    page.goto(f"{address}/docs")

    expect(page.locator("#operations-tasks-list_tasks")).to_be_visible()
    expect(page.locator(".info .version").first).to_contain_text(__version__)
    expect(page.get_by_role("note")).to_contain_text("Sandbox data.")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=tmp_path / "docs.png", full_page=True)
    assert watched.hosts <= {"127.0.0.1", None}
    assert watched.complaints == []
    assert watched.flat()


@pytest.mark.parametrize("width", WIDTHS)
def test_try_it_out(watched: Watched, address: str, tmp_path: Path) -> None:
    """*Try it out* and *Execute* on the list of tasks show a real answer."""
    page = watched.page
    operation = page.locator("#operations-tasks-list_tasks")
    page.goto(f"{address}/docs")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    answer = operation.locator(".live-responses-table")
    expect(answer.locator("tbody .response-col_status")).to_contain_text("200")
    expect(answer.locator("tbody .highlight-code").first).to_contain_text('"id": "eu2.')
    asked = operation.locator(".request-url .microlight, .request-url pre").first
    expect(asked).to_have_text(f"{address}/v1/tasks")
    page.screenshot(path=tmp_path / "tried.png", full_page=True)
    assert watched.hosts <= {"127.0.0.1", None}
    assert watched.complaints == []


def above(first: Locator, second: Locator) -> bool:
    """Say whether one element ends before the other begins, both looked at in one moment."""
    ends = "(upper, lower) =>"
    ends += " upper.getBoundingClientRect().bottom <= lower.getBoundingClientRect().top"
    return bool(first.evaluate(ends, second.element_handle()))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("docs", "#operations-tasks-list_tasks"),
        ("redoc", "[data-section-id='operation/list_tasks']"),
    ],
    ids=["docs", "redoc"],
)
@pytest.mark.parametrize("rule", ["Lists", "Cursors", "Freshness", "Errors"])
def test_rules_first(watched: Watched, address: str, path: str, operation: str, rule: str) -> None:
    """The base rules stand before the first operation."""
    page = watched.page
    page.goto(f"{address}/{path}")

    heading = page.locator("h2", has_text=rule).first
    expect(heading).to_be_visible()
    expect(page.locator(operation)).to_be_visible()
    assert above(heading, page.locator(operation))


@pytest.mark.parametrize("width", WIDTHS)
def test_redoc(watched: Watched, address: str, tmp_path: Path) -> None:
    """`/redoc` shows each operation and the version, and says that the data is invented."""
    page = watched.page
    page.goto(f"{address}/redoc")

    expect(page.locator("[data-section-id='operation/list_tasks']")).to_be_visible()
    expect(page.locator("h1").first).to_contain_text(__version__)
    expect(page.get_by_role("note")).to_contain_text("Sandbox data.")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=tmp_path / "redoc.png", full_page=True)
    assert watched.hosts <= {"127.0.0.1", None}
    assert watched.complaints == []
    assert watched.flat()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/problems", "/problems/task-not-found"])
def test_problems(watched: Watched, address: str, path: str, tmp_path: Path) -> None:
    """The pages on problems fit every window and load nothing."""
    watched.page.goto(address + path)

    expect(watched.page.locator("h1")).to_be_visible()
    watched.page.screenshot(path=tmp_path / "problems.png", full_page=True)
    assert watched.hosts <= {"127.0.0.1", None}
    assert watched.complaints == []
    assert watched.flat()


@pytest.mark.parametrize("width", WIDTHS[:1])
@pytest.mark.parametrize(
    ("kind", "text"), [("script", "window.ran = 1"), ("style", "p { top: 0 }")]
)
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/problems"])
def test_policy(watched: Watched, address: str, path: str, kind: str, text: str) -> None:
    """What is put into a page as text does not run there, and such a block is complained about."""
    page = watched.page
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    blocked = f"{kind}-src-elem blocked inline"
    with page.expect_console_message(lambda said: said.text == blocked):
        page.evaluate(
            "([kind, text]) => {"
            " const made = document.createElement(kind); made.textContent = text;"
            " document.head.append(made) }",
            [kind, text],
        )

    assert page.evaluate("window.ran") is None
    assert blocked in watched.complaints
