"""What an operator may set, and what is told when it is wrong."""

from pathlib import Path

import pytest
import trustme

from app.addresses import is_loopback
from app.settings import AccountSettings, SettingsError, load, strangers

CANARY = "canary-7f3a"
EU2 = {
    "TASKGATE_ACCOUNTS__EU2__URL": "https://eu2-cloud.acronis.com",
    "TASKGATE_ACCOUNTS__EU2__CLIENT_ID": "client",
    "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET": CANARY,
}
NO_SECTION = "TASKGATE_CACHE is no JSON object; set what is below it instead, TASKGATE_CACHE__…"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` but one that a test writes."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set one account that is right."""
    for name, value in EU2.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal() -> str:
    """Return what the start would be refused with."""
    with pytest.raises(SettingsError) as caught:
        load()
    return str(caught.value)


def test_defaults() -> None:
    """With nothing set it listens on loopback, wants consumers and has no account."""
    found = load()

    assert (found.host, found.port, found.auth, found.accounts) == (
        "127.0.0.1",
        8080,
        "required",
        {},
    )
    assert found.upstream.answer_deadline_s == pytest.approx(1.5 * found.upstream.timeout_s)
    assert found.cursor_key() is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TASKGATE_HOST", ""),
        ("TASKGATE_PORT", "65536"),
        ("TASKGATE_PORT", "-1"),
        ("TASKGATE_PORT", "http"),
        ("TASKGATE_AUTH", "maybe"),
        ("TASKGATE_DOCS", "yes"),
        ("TASKGATE_LOG_FORMAT", "xml"),
        ("TASKGATE_FASTLANE", "on"),
        ("TASKGATE_LOG_LEVEL", "loud"),
        ("TASKGATE_CACHE__MAX_BYTES", "1048575"),
        ("TASKGATE_CACHE__TTL_UNFINISHED_S", "0.9"),
        ("TASKGATE_CACHE__TTL_FINISHED_S", "86401"),
        ("TASKGATE_CACHE__TTL_ITEM_FINISHED_S", "nan"),
        ("TASKGATE_CACHE__TTL_NOT_FOUND_S", "-1"),
        ("TASKGATE_CACHE__TTL_ERROR_S", "61"),
        ("TASKGATE_UPSTREAM__TIMEOUT_S", "0"),
        ("TASKGATE_UPSTREAM__DEADLINE_S", "inf"),
        ("TASKGATE_UPSTREAM__PAGE_SIZE_MAX", "0"),
        ("TASKGATE_UPSTREAM__CONCURRENCY", "0"),
        ("TASKGATE_UPSTREAM__RATE", "0/s"),
        ("TASKGATE_UPSTREAM__RATE", "20/m"),
        ("TASKGATE_UPSTREAM__BODY_MAX_BYTES", "1"),
        ("TASKGATE_UPSTREAM__CA_FILE", "/nowhere.pem"),
        ("TASKGATE_UPSTREAM__CA_FILE", "/dev/null"),
        ("TASKGATE_UPSTREAM__PROXY", "proxy:3128"),
        ("TASKGATE_UPSTREAM__SCAN_PAGES_MAX", "1001"),
        ("TASKGATE_ACCOUNTS__EU2__URL", "eu2-cloud.acronis.com"),
        ("TASKGATE_ACCOUNTS__EU2__CLIENT_ID", ""),
        ("TASKGATE_ACCOUNTS__EU2__TENANT", "1234"),
        ("TASKGATE_CONSUMERS__BI__KEY_SHA256", "tg_0123"),
        ("TASKGATE_CONSUMERS__BI__KEY_SHA256", f"{'a' * 64},"),
        ("TASKGATE_CONSUMERS__BI__ACCOUNTS", ""),
        ("TASKGATE_CONSUMERS__BI__ACCOUNTS", "eu_2"),
        ("TASKGATE_CONSUMERS__BI__TENANTS", "all"),
        ("TASKGATE_CONSUMERS__BI__RATE", "50"),
        ("TASKGATE_CONSUMERS__BI__RATE", "0/s"),
        ("TASKGATE_CONSUMERS__BI__ADMIN", "maybe"),
        ("TASKGATE_OIDC__ISSUER", "http://issuer.example"),
        ("TASKGATE_OIDC__ISSUER", "https://"),
        ("TASKGATE_OIDC__ISSUER", "https://me@issuer.example"),
        ("TASKGATE_OIDC__AUDIENCE", ""),
        ("TASKGATE_OIDC__CONSUMER_CLAIM", ""),
        ("TASKGATE_CORS_ORIGINS", "*"),
        ("TASKGATE_CORS_ORIGINS", "https://app.example.com/"),
        ("TASKGATE_TRUSTED_PROXIES", "*"),
        ("TASKGATE_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TASKGATE_ALLOWED_HOSTS", "gate:8080"),
    ],
)
def test_wrong_value(env: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A value out of bounds stops the start, and its variable is named."""
    env.setenv(variable, value)

    assert f"{variable}: " in refusal()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TASKGATE_CACHE__MAX_BYTE", "1", "TASKGATE_CACHE__MAX_BYTE is not a setting"),
        (
            "TASKGATE_ACCOUNTS__EU2__SECRET",
            CANARY,
            "TASKGATE_ACCOUNTS__EU2__SECRET is not a setting",
        ),
        ("TASKGATE_CACHE", CANARY, NO_SECTION),
        ("TASKGATE_CACHE", "1", NO_SECTION),
        ("TASKGATE_ACCOUNTS", "[]", NO_SECTION.replace("CACHE", "ACCOUNTS")),
        ("TASKGATE_ACCOUNTS__EU2", "x", NO_SECTION.replace("CACHE", "ACCOUNTS__EU2")),
        ("TASKGATE_ACCOUNTS__US__URL", "https://h", "TASKGATE_ACCOUNTS__US__CLIENT_ID is required"),
        (
            "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET",
            "",
            "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET is empty",
        ),
        (
            "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET_FILE",
            "/dev/null",
            "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET or …_FILE is required, one of them",
        ),
        ("TASKGATE_CURSOR_SECRET", "", "TASKGATE_CURSOR_SECRET is empty"),
        ("TASKGATE_TLS_KEY", "key.pem", "TASKGATE_TLS_CERT and TLS_KEY need each other"),
        ("TASKGATE_TLS_CLIENT_CA", "ca.pem", "TASKGATE_TLS_CLIENT_CA needs TLS_CERT and TLS_KEY"),
        (
            "TASKGATE_PORT",
            "tcp://10.0.0.1:80",
            (
                "TASKGATE_PORT: is Kubernetes' link to a Service called `taskgate`: "
                "use `enableServiceLinks: false`"
            ),
        ),
    ],
)
def test_sentence(env: pytest.MonkeyPatch, variable: str, value: str, told: str) -> None:
    """The sentence says what to mend."""
    env.setenv(variable, value)

    assert refusal() == told


def test_consumers(env: pytest.MonkeyPatch) -> None:
    """Lists are separated by commas, names and hashes ignore case; what is not said is all."""
    env.setenv("TASKGATE_CONSUMERS__Shop__KEY_SHA256", f"{'A' * 64}, {'1' * 64}")
    env.setenv("TASKGATE_CONSUMERS__SHOP__ACCOUNTS", "EU2")
    env.setenv("TASKGATE_CONSUMERS__SHOP__TENANTS", "42,7C9E6679-7425-40DE-944B-E07FC1F90AE7")
    env.setenv("TASKGATE_CONSUMERS__BI__RATE", "2.5/s")
    found = load().consumers

    assert found["shop"].key_sha256 == ("a" * 64, "1" * 64)
    assert found["shop"].accounts == ("eu2",)
    assert found["shop"].tenants == ("42", "7c9e6679-7425-40de-944b-e07fc1f90ae7")
    assert (found["bi"].accounts, found["bi"].tenants, found["bi"].admin) == (None, None, False)
    assert (found["bi"].per_second, found["shop"].per_second) == (2.5, 50)


def test_door(env: pytest.MonkeyPatch) -> None:
    """Origins, proxies and hosts are exact; an issuer stays as it writes itself."""
    env.setenv("TASKGATE_CORS_ORIGINS", "https://App.example.com,http://[::1]:3000")
    env.setenv("TASKGATE_TRUSTED_PROXIES", "10.0.0.0/8,2001:db8::1")
    env.setenv("TASKGATE_ALLOWED_HOSTS", "Gate.example.com")
    env.setenv("TASKGATE_OIDC__ISSUER", "http://127.0.0.1:8081/Realm/")
    env.setenv("TASKGATE_OIDC__AUDIENCE", "taskgate")
    found = load()

    assert found.cors_origins == ("https://app.example.com", "http://[::1]:3000")
    assert found.trusted_proxies == ("10.0.0.0/8", "2001:db8::1/128")
    assert found.allowed_hosts == ("gate.example.com",)
    assert found.oidc is not None
    assert (found.oidc.issuer, found.oidc.consumer_claim) == ("http://127.0.0.1:8081/Realm/", "azp")


def test_no_secret_at_all(env: pytest.MonkeyPatch) -> None:
    """An account without a secret is refused."""
    env.delenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET")

    told = "TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET or …_FILE is required, one of them"
    assert refusal() == told


def test_several_errors(env: pytest.MonkeyPatch) -> None:
    """Everything that is wrong is told at once, a line each."""
    env.setenv("TASKGATE_PORT", "http")
    env.setenv("TASKGATE_CACHE__TTL_ERROR_S", "-1")
    env.setenv("TASKGATE_ACCOUNTS__EU_2__URL", "https://h")

    told = refusal()

    for variable in ("TASKGATE_PORT: ", "TASKGATE_CACHE__TTL_ERROR_S: "):
        assert variable in told
    assert "TASKGATE_ACCOUNTS__EU_2: an alias is [a-z0-9-]{1,32}" in told


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://eu2-cloud.acronis.com/", "https://eu2-cloud.acronis.com"),
        (" HTTPS://EU2-cloud.acronis.com ", "https://eu2-cloud.acronis.com"),
        ("https://eu2-cloud.acronis.com:8443", "https://eu2-cloud.acronis.com:8443"),
        ("http://127.0.0.1:9000//", "http://127.0.0.1:9000"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_url(text: str, url: str) -> None:
    """A data-centre URL is an origin; plain http is for this machine alone."""
    account = {"url": text, "client_id": "client", "client_secret": CANARY}

    assert AccountSettings.model_validate(account).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://eu2-cloud.acronis.com",
        "http://eu2-cloud.acronis.com",
        "http://10.0.0.1",
        "http://[2001:db8::1]",
        "http://localhost.example.com",
        "https://eu2-cloud.acronis.com/api/2",
        "https://eu2-cloud.acronis.com?x=1",
        "https://eu2-cloud.acronis.com#x",
        f"https://me:{CANARY}@eu2-cloud.acronis.com",
        f"https://me:{CANARY}/x@eu2-cloud.acronis.com",
        "https://eu2 cloud.acronis.com",
        "https://eu2-cloud.acronis.com:65536",
    ],
)
def test_refused_url(env: pytest.MonkeyPatch, url: str) -> None:
    """Anything else is refused, and what was set is not repeated."""
    env.setenv("TASKGATE_ACCOUNTS__EU2__URL", url)

    told = refusal()

    assert told.startswith("TASKGATE_ACCOUNTS__EU2__URL: must be ")
    assert CANARY not in told


@pytest.mark.parametrize("name", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback(name: str) -> None:
    """These hosts can only be this machine."""
    assert is_loopback(name)


@pytest.mark.parametrize("alias", ["EU2", "eu2", "Eu2"])
def test_alias_ignores_case(monkeypatch: pytest.MonkeyPatch, alias: str) -> None:
    """An alias is lower case inside, whatever the variable's case."""
    for name, value in EU2.items():
        monkeypatch.setenv(name.replace("EU2", alias), value)

    assert list(load().accounts) == ["eu2"]


ACCOUNT = '{"url": "https://h", "client_id": "client", "client_secret": "canary-7f3a"}'


def test_accounts_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts may come as one JSON object; their aliases are lower case inside, too."""
    monkeypatch.setenv("TASKGATE_ACCOUNTS", f'{{"EU2": {ACCOUNT}}}')

    assert list(load().accounts) == ["eu2"]


@pytest.mark.parametrize(
    "accounts", [f'{{"EU2": {ACCOUNT}, "eu2": {ACCOUNT}}}', f'{{"US": {ACCOUNT}, "Us": {{}}}}']
)
def test_alias_twice(monkeypatch: pytest.MonkeyPatch, accounts: str) -> None:
    """Aliases that differ in case alone are refused: one account would hide the other."""
    monkeypatch.setenv("TASKGATE_ACCOUNTS", accounts)

    assert "is there twice, for case does not count" in refusal()


@pytest.mark.parametrize("alias", ["EU.2", "É", "A" * 33, "EU_2"])
def test_refused_alias(monkeypatch: pytest.MonkeyPatch, alias: str) -> None:
    """An alias is 1 to 32 of letters, digits and hyphens: it is part of every id."""
    for name, value in EU2.items():
        monkeypatch.setenv(name.replace("EU2", alias), value)

    assert f"TASKGATE_ACCOUNTS__{alias.upper()}: an alias is" in refusal()


def test_secret_file(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret's file is read when it changed, without its line's end: no restart to rotate."""
    path = tmp_path / "secret"
    path.write_text("first\n")
    env.delenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET")
    env.setenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET_FILE", str(path))
    account = load().accounts["eu2"]

    first = account.secret()
    path.write_text("second\n")

    assert (first, account.secret()) == ("first", "second")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "CLIENT_SECRET_FILE can't be read: secret: FileNotFoundError"),
        (b"\xff\xfe", "CLIENT_SECRET_FILE can't be read: secret: UnicodeDecodeError"),
        (b" \n", "CLIENT_SECRET_FILE is empty"),
    ],
    ids=["missing", "no text", "empty"],
)
def test_unusable_secret_file(env: pytest.MonkeyPatch, content: bytes | None, told: str) -> None:
    """A file that holds no secret stops the start, not the first request."""
    env.delenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET")
    env.setenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET_FILE", "secret")
    if content is not None:
        Path("secret").write_bytes(content)

    assert refusal() == f"TASKGATE_ACCOUNTS__EU2__{told}"


def test_cursor_secret(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key of cursors comes from a variable or from a file, not from both."""
    path = tmp_path / "key"
    path.write_text("from-file\n")
    env.setenv("TASKGATE_CURSOR_SECRET_FILE", str(path))
    from_file = load().cursor_key()
    env.setenv("TASKGATE_CURSOR_SECRET", "from-variable")
    both = refusal()
    env.delenv("TASKGATE_CURSOR_SECRET_FILE")

    assert (from_file, load().cursor_key()) == (b"from-file", b"from-variable")
    assert both == "TASKGATE_CURSOR_SECRET and …_FILE exclude each other"


@pytest.mark.parametrize(
    "url",
    [
        "redis://valkey",
        "redis://127.0.0.1:6379/3",
        "rediss://:p%40ss@valkey.internal:6380",
        "rediss://user:pass@[::1]:6379/0",
    ],
)
def test_valkey(env: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    """The URL of Valkey comes from a variable or from a file, not from both."""
    assert not load().has_valkey
    path = tmp_path / "url"
    path.write_text(f"{url}\n")
    env.setenv("TASKGATE_VALKEY_URL_FILE", str(path))
    from_file = load().valkey()
    env.setenv("TASKGATE_VALKEY_URL", url)
    both = refusal()
    env.delenv("TASKGATE_VALKEY_URL_FILE")

    assert (from_file, load().valkey()) == (url, url)
    assert both == "TASKGATE_VALKEY_URL and …_FILE exclude each other"


@pytest.mark.parametrize("in_file", [False, True], ids=["variable", "file"])
@pytest.mark.parametrize(
    "url",
    [
        f"http://{CANARY}",
        f"unix:///{CANARY}",
        f"redis://:{CANARY}@",
        f"redis://:{CANARY}@valkey:65536",
        f"redis://:{CANARY}@valkey:0",
        f"redis://:{CANARY}@valkey:",
        f"redis://:{CANARY}@[::::]:6379",
        f"redis://:{CANARY}@[1]",
        f"redis://:{CANARY}@[127.0.0.1]",
        f"redis://:{CANARY}[@valkey",
        f"redis://:{CANARY}\u2100@valkey",
        f"redis://:{CANARY}@valkey/name",
        f"redis://:{CANARY}@valkey/999",
        f"redis://:{CANARY}@valkey/-1",
        f"redis://:{CANARY}@a@valkey",
        f"rediss://:{CANARY}@valkey?ssl_cert_reqs=none",
    ],
)
def test_wrong_valkey(env: pytest.MonkeyPatch, tmp_path: Path, url: str, *, in_file: bool) -> None:
    """What is no such URL, or would weaken TLS, is refused without a word of it."""
    (tmp_path / "url").write_text(url)
    name = "TASKGATE_VALKEY_URL_FILE" if in_file else "TASKGATE_VALKEY_URL"
    env.setenv(name, str(tmp_path / "url") if in_file else url)
    told = refusal()

    assert told.startswith(f"{name} must be redis:// or rediss:// (TLS), host and port")
    assert CANARY not in told


def test_no_valkey(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty URL is as good as none; an empty file is no URL."""
    env.setenv("TASKGATE_VALKEY_URL", "")
    unset = load()
    path = tmp_path / "url"
    path.write_text("redis://valkey")
    env.setenv("TASKGATE_VALKEY_URL_FILE", str(path))
    from_file = load().valkey()
    path.write_text("")

    assert (unset.has_valkey, unset.valkey_url) == (False, None)
    assert from_file == "redis://valkey"
    assert refusal() == "TASKGATE_VALKEY_URL_FILE is empty"


def test_cursor_secret_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cursors' file is read again when another replaces it, be they alike in size."""
    path = tmp_path / "key"
    path.write_text("first")
    monkeypatch.setenv("TASKGATE_CURSOR_SECRET_FILE", str(path))
    found = load()
    first = found.cursor_key()
    (tmp_path / "new").write_text("other")
    (tmp_path / "new").replace(path)

    assert (first, found.cursor_key()) == (b"first", b"other")


@pytest.mark.usefixtures("env")
def test_secret_is_not_shown() -> None:
    """Nothing that prints the settings prints a secret."""
    found = load()

    assert CANARY not in f"{found!r} {found} {found.model_dump_json()} {found.accounts['eu2']!r}"


def test_secret_is_not_in_errors(env: pytest.MonkeyPatch) -> None:
    """A refusal shows no secret, nor does anything that it was raised from."""
    env.setenv("TASKGATE_ACCOUNTS__EU2__CLIENT_SECRET_FILE", CANARY)
    env.setenv("TASKGATE_PORT", "http")

    with pytest.raises(SettingsError) as caught:
        load()

    assert CANARY not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert CANARY not in str(caught.value.__context__)


def test_dotenv(env: pytest.MonkeyPatch) -> None:
    """A `.env` file counts, the environment beats it, and strange names in it do no harm."""
    env.setenv("TASKGATE_HOST", "0.0.0.0")  # noqa: S104
    Path(".env").write_text("TASKGATE_PORT=9000\nTASKGATE_HOST=10.0.0.1\nOTHER=1\n")

    found = load()

    assert (found.host, found.port) == ("0.0.0.0", 9000)  # noqa: S104


def test_overrides(env: pytest.MonkeyPatch) -> None:
    """What the command line says beats the environment, 0 included."""
    env.setenv("TASKGATE_PORT", "9000")

    assert load(port=0).port == 0


def test_frozen() -> None:
    """Nothing changes the settings once they are read."""
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TASKGATE_PROT", "TASKGATE_PORT"),
        ("TASKGATE_ACCOUNT__EU2__URL", "TASKGATE_ACCOUNTS"),
        ("taskgate_cursor_secrt", "TASKGATE_CURSOR_SECRET"),
        ("TASKGATE_XYZZY", None),
    ],
)
def test_stranger(name: str, meant: str | None) -> None:
    """A name with our prefix that is no setting is told, with the one that was probably meant."""
    assert strangers([name]) == {name.upper(): meant}


@pytest.mark.parametrize(
    "name",
    [
        "TASKGATE_PORT",
        "taskgate_accounts__eu2__url",
        "PATH",
        "TASKGATE_SERVICE_HOST",
        "TASKGATE_SERVICE_PORT_HTTP",
        "TASKGATE_PORT_8080_TCP",
        "TASKGATE_PORT_8080_TCP_ADDR",
        "TASKGATE_METRICS_SERVICE_PORT",
    ],
)
def test_no_stranger(name: str) -> None:
    """Settings, names of others, and what Kubernetes makes of Services are no news."""
    assert strangers([name]) == {}


def test_strangers_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told, it looks at the environment itself."""
    monkeypatch.setenv("TASKGATE_PROT", "1")

    assert strangers()["TASKGATE_PROT"] == "TASKGATE_PORT"


@pytest.mark.parametrize(("text", "rate"), [("20/s", 20.0), ("0.5/s", 0.5), ("7", 7.0)])
def test_rate(env: pytest.MonkeyPatch, text: str, rate: float) -> None:
    """A rate is calls per second."""
    env.setenv("TASKGATE_UPSTREAM__RATE", text)

    assert load().upstream.rate == rate


def test_proxy(env: pytest.MonkeyPatch) -> None:
    """A proxy may need credentials, which are not shown."""
    env.setenv("TASKGATE_UPSTREAM__PROXY", f"http://user:{CANARY}@proxy.internal:3128")
    found = load()

    assert found.upstream.proxy is not None
    assert found.upstream.proxy.get_secret_value().endswith("@proxy.internal:3128")
    assert CANARY not in repr(found)


def test_refused_proxy_is_not_shown(env: pytest.MonkeyPatch) -> None:
    """A proxy that is wrong is not repeated in the sentence."""
    env.setenv("TASKGATE_UPSTREAM__PROXY", f"socks5://user:{CANARY}@proxy.internal")

    assert CANARY not in refusal()


def test_ca_file(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file with certificates is taken."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    env.setenv("TASKGATE_UPSTREAM__CA_FILE", str(path))

    assert load().upstream.ca_file == path
