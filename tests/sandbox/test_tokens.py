"""The token endpoint, and what a token opens (P§2)."""

import base64

import httpx
import pytest

from app.sandbox.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from app.sandbox.estate import TENANTS
from tests.sandbox.conftest import NOON_S, TOKEN, Api, Clock

CREDENTIALS = {"grant_type": "client_credentials"}
AUTH = (DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET)
EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OWN, SWAP = "grant_type=client_credentials", f"grant_type={EXCHANGE}"
NORTH, NORDIC, SOUTH = TENANTS[4], TENANTS[5], TENANTS[8]


def scope(tenant_uuid: str) -> str:
    """Return the scope that narrows to a tenant."""
    return f"urn:acronis.com:tenant-id:{tenant_uuid}"


async def locators(http: httpx.AsyncClient, token: str) -> set[str]:
    """Return whose tasks a token shows."""
    answer = await http.get(
        "/api/task_manager/v2/tasks?limit=1000&lod=short",
        headers={"Authorization": f"Bearer {token}"},
    )
    return {item["tenant"]["locator"] for item in answer.json()["items"]}


async def test_token(http: httpx.AsyncClient) -> None:
    """The client's secret buys a bearer token for two hours, with both clocks, never stored."""
    answer = await http.post(TOKEN, data=CREDENTIALS, auth=AUTH)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "expires_on", "id_token"}
    assert body["token_type"] == "bearer"
    assert (body["expires_in"], body["expires_on"]) == (7200, NOON_S + 7200)


async def test_secret_in_form(http: httpx.AsyncClient) -> None:
    """`client_secret_post` works as well as Basic."""
    form = {"client_id": AUTH[0], "client_secret": AUTH[1]}

    answer = await http.post(TOKEN, data=CREDENTIALS | form)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        pytest.param("", "", 400, "invalid_request", id="nothing"),
        pytest.param("grant_type=password", "", 400, "unsupported_grant_type", id="other grant"),
        pytest.param("grant_type=a&grant_type=b", "", 400, "invalid_request", id="repeated"),
        pytest.param("x=1&" * 60, "", 400, "invalid_request", id="malformed"),
        pytest.param(OWN, "", 401, "invalid_client", id="no client"),
        pytest.param(OWN, "Basic eDp5", 401, "invalid_client", id="wrong"),
        pytest.param(OWN, "Basic ?", 401, "invalid_client", id="no base64"),
        pytest.param(SWAP, "", 400, "invalid_request", id="no assertion"),
        pytest.param(f"{SWAP}&assertion=a", "", 400, "invalid_request", id="no scope"),
        pytest.param(f"{SWAP}&assertion=a&scope=b", "Bearer a", 401, "invalid_client", id="forged"),
    ],
)  # fmt: skip
async def test_refusals(
    http: httpx.AsyncClient, form: str, authorization: str, status: int, error: str
) -> None:
    """Errors have the OAuth shape (P§2.5)."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded", "Authorization": authorization,
    }  # fmt: skip
    answer = await http.post(TOKEN, content=form, headers=headers)

    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error"] == error
    assert answer.headers["Cache-Control"] == "no-store"


async def test_json_body(http: httpx.AsyncClient) -> None:
    """The body is a form; a wrong content type is 415."""
    answer = await http.post(TOKEN, json=CREDENTIALS, auth=AUTH)

    assert answer.status_code == 415


@pytest.mark.parametrize(
    "asked", ["urn:acronis.com:tenant-id:unknown", "offline_access", scope(NORTH.uuid) + " x"]
)
async def test_scope_denied(http: httpx.AsyncClient, asked: str) -> None:
    """A scope that is not the client's is 403."""
    answer = await http.post(TOKEN, data=CREDENTIALS | {"scope": asked}, auth=AUTH)

    assert answer.status_code == 403
    assert answer.json() == {"error": "access_denied", "error_description": "Failed to authorize"}


async def test_narrowed_directly(http: httpx.AsyncClient) -> None:
    """A tenant's scope shows that tenant's subtree alone, UUID in either case."""
    form = CREDENTIALS | {"scope": scope(NORTH.uuid.upper())}
    answer = await http.post(TOKEN, data=form, auth=AUTH)

    seen = await locators(http, answer.json()["access_token"])

    assert len(seen) > 1
    assert all(locator.startswith(NORTH.locator) for locator in seen)


async def test_narrowed_by_exchange(api: Api, clock: Clock) -> None:
    """A base token is exchanged for a narrower one that expires when its base does."""
    base = api.http.headers["Authorization"].removeprefix("Bearer ")
    clock.now_s += 600
    form = {"grant_type": EXCHANGE, "assertion": base, "scope": scope(NORDIC.uuid)}

    answer = (await api.http.post(TOKEN, data=form)).json()

    assert (answer["expires_in"], answer["expires_on"]) == (6600, NOON_S + 7200)
    assert await locators(api.http, answer["access_token"]) == {NORDIC.locator}


async def test_no_way_up(api: Api) -> None:
    """A narrowed token buys no other tenant."""
    form = CREDENTIALS | {"scope": scope(NORTH.uuid)}
    narrow = (await api.http.post(TOKEN, data=form, auth=AUTH)).json()["access_token"]
    form = {"grant_type": EXCHANGE, "assertion": narrow, "scope": scope(SOUTH.uuid)}

    answer = await api.http.post(TOKEN, data=form, headers={"Authorization": f"Bearer {narrow}"})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 200), ("admin", 200), ("issuer", 403), ("consumer", 403)]
)
async def test_roles(http: httpx.AsyncClient, role: str, status: int) -> None:
    """All endpoints need viewer or admin (P§2.4)."""
    form = CREDENTIALS | {"scope": f"urn:acronis.com::task_manager::{role}"}
    http.headers["Authorization"] = "Bearer " + (
        await http.post(TOKEN, data=form, auth=AUTH)
    ).json()["access_token"]  # fmt: skip

    answer = await http.get("/api/task_manager/v2/tasks?limit=1")

    assert answer.status_code == status


@pytest.mark.parametrize("path", ["tasks", "tasks/1", "activities", "activities/1"])
@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic eDp5"])
async def test_token_missing(http: httpx.AsyncClient, path: str, authorization: str) -> None:
    """Without a bearer token nothing is shown, not even whether it exists."""
    headers = {"Authorization": authorization}
    answer = await http.get(f"/api/task_manager/v2/{path}", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["domain"] == "Access"
    assert answer.json()["code"] == "UnauthorizedRequest"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_token_expired(api: Api, clock: Clock) -> None:
    """A token opens the API for two hours, to the second."""
    clock.now_s += 7199.5
    before = await api.get("tasks", "limit=1")
    clock.now_s += 0.5
    after = await api.get("tasks", "limit=1")

    assert before.status_code == 200
    assert after.status_code == 401
    assert after.json() == {
        "domain": "Access", "code": "AuthenticationTimeout", "reason": "AuthenticationTimeout",
    }  # fmt: skip


async def test_id_token(http: httpx.AsyncClient) -> None:
    """An id token opens nothing, nor does one whose claims were changed."""
    body = (await http.post(TOKEN, data=CREDENTIALS, auth=AUTH)).json()
    head, claims, signature = body["access_token"].split(".")
    changed = base64.urlsafe_b64encode(b'{"exp":9999999999}').decode().rstrip("=")

    answers = [
        await http.get("/api/task_manager/v2/tasks", headers={"Authorization": f"Bearer {token}"})
        for token in (body["id_token"], f"{head}.{changed}.{signature}", f"{head}.{claims}.x")
    ]

    assert {answer.status_code for answer in answers} == {401}
