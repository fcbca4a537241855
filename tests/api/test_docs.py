"""The documentation pages and their files."""

import hashlib
import re
from importlib import resources

import pytest

from app.api.docs import assets
from tests.support.edge import edge


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages(path: str) -> None:
    """Each page names files of this service alone, and its policy allows nothing else."""
    async with edge().client() as client:
        page = await client.get(path)
        files = [await client.get(f"/{link}") for link in re.findall(r"static/[^\"]+", page.text)]

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "://" not in page.text
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert {
        policy[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")
    } == {"'none'"}
    assert "unsafe" not in str(policy)
    assert {file.status_code for file in files} == {200}
    assert {file.headers["cache-control"] for file in files} == {
        "public, max-age=31536000, immutable"
    }


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_sandbox(path: str) -> None:
    """The pages say so when the data is invented, and only then."""
    async with edge(sandbox=True).client() as client:
        invented = await client.get(path)
    async with edge().client() as client:
        real = await client.get(path)

    assert "Sandbox data." in invented.text
    assert "Sandbox data." not in real.text


async def test_home() -> None:
    """The bare address leads to the documentation."""
    async with edge().client() as client:
        answer = await client.get("/")

    assert answer.status_code == 307
    assert answer.headers["location"] == "/docs"


async def test_openapi() -> None:
    """The document holds the API's routes and not the pages."""
    async with edge().client() as client:
        answer = await client.get("/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["info"]["version"] == "1.2.3"
    assert {"/v1/tasks", "/healthz", "/readyz", "/metrics"} <= answer.json()["paths"].keys()
    assert "/docs" not in answer.json()["paths"]
    assert answer.json()["paths"]["/metrics"]["get"]["responses"].keys() == {"200"}


async def test_old_address() -> None:
    """A file asked for by another digest is served and checked again next time."""
    async with edge().client() as client:
        answer = await client.get("/static/docs.css?v=0000")

    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["nothing.js", "README.md", "../docs.py", "..%2fdocs.py", "swagger-ui"]
)
async def test_no_file(name: str) -> None:
    """Only the files that the pages need, and their licences, are served."""
    async with edge().client() as client:
        answer = await client.get(f"/static/{name}")

    assert answer.status_code == 404


@pytest.mark.parametrize("name", sorted(name for name in assets() if "/" in name))
def test_vendored(name: str, readme: str) -> None:
    """The list of what is vendored gives the digest of each file as it lies there."""
    digest = hashlib.sha256(assets()[name].body).hexdigest()

    assert re.search(rf"^{digest}  {re.escape(name)}$", readme, re.MULTILINE)


def test_no_foreign_logo() -> None:
    """ReDoc's file asks nobody for its vendor's logo."""
    assert b"redoc.ly/" not in assets()["redoc/redoc.standalone.js"].body


@pytest.fixture(scope="module")
def readme() -> str:
    """The list of what is vendored."""
    return (resources.files("app.api") / "static" / "README.md").read_text()
