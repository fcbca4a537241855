"""TLS by files, spoken by the real process on a socket."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import httpx
import pytest
import trustme

from app.serving.bounds import Bounds
from app.serving.server import DRAIN_S
from tests.test_process import ENDED, Process, serving

pytestmark = pytest.mark.machine

# The silent may stay for ten seconds, and those who part for thirty: till then a newcomer who is
# kept out would wait.
WAIT_S = Bounds().request_s / 2
FILES = 300  # that the process may have open
FEW = ["sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh"]
TRIES = 5_000  # a millisecond and more each
CA, CLIENTS = trustme.CA(), trustme.CA()


class Gate(NamedTuple):
    """The running process, where it is and what it reads its certificate from."""

    process: Process
    url: httpx.URL
    file: Path

    def renew(self) -> None:
        """Put another certificate in the place of the last one, at once."""
        issue(self.file.with_suffix(".new")).replace(self.file)

    def meets(self) -> bytes | None:
        """Return the certificate that it shows to a new connection."""
        raw = socket.create_connection((self.url.host, self.url.port or 0))
        with closing(trusting().wrap_socket(raw, server_hostname=self.url.host)) as line:
            return line.getpeercert(binary_form=True)

    def figure(self, outcome: str) -> bool:
        """Say whether a change with this outcome was counted."""
        told = httpx.get(f"{self.url}/metrics", verify=trusting()).text
        return f'certificate_reads_total{{outcome="{outcome}"}} 1.0' in told


def issue(file: Path) -> Path:
    """Write a new certificate of ours with its key."""
    CA.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(file))
    return file


def trusting() -> ssl.SSLContext:
    """Return what a client needs to believe our certificates."""
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def until(holds: Callable[[], bool]) -> bool:
    """Look again and again, for some seconds at most."""
    return any(holds() for _ in range(TRIES))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """The sandbox, served over TLS."""
    file = issue(tmp_path / "cert.pem")
    tls = {"TASKGATE_TLS_CERT": str(file), "TASKGATE_TLS_KEY": str(file)}
    with serving(tmp_path, "--sandbox", **tls) as process:
        yield Gate(process, httpx.URL(process.until("serving")["url"]), file)


def test_speaks(gate: Gate) -> None:
    """With a certificate it speaks TLS 1.2 and later, and tells browsers to stay with it."""
    answer = httpx.get(f"{gate.url}/healthz", verify=trusting())
    old = trusting()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    assert gate.url.scheme == "https"
    assert "max-age" in answer.headers["strict-transport-security"]
    assert httpx.get(f"{gate.url}/healthz", verify=old).status_code == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"),
    ],
    ids=["TLS 1.1", "CBC and SHA-1", "CBC"],
)
def test_too_old(gate: Gate, version: ssl.TLSVersion, ciphers: str) -> None:
    """Nothing older than TLS 1.2, and no suite without authenticated encryption, is agreed on."""
    old = trusting()
    old.set_ciphers(ciphers)
    old.minimum_version = old.maximum_version = version

    with pytest.raises(httpx.ConnectError, match=r"alert|SSL"):
        httpx.get(f"{gate.url}/healthz", verify=old)


def test_renewed(gate: Gate) -> None:
    """A certificate that was renewed is shown without a restart; open connections go on."""
    first = gate.meets()
    with httpx.Client(base_url=gate.url, verify=trusting()) as client:
        client.get("/healthz")
        gate.renew()

        assert until(lambda: gate.meets() != first)
        assert client.get("/healthz").status_code == 200
    assert gate.figure("ok")
    assert gate.process.until("certificate_read")["level"] == "info"


def test_broken(gate: Gate) -> None:
    """A broken renewal keeps the old certificate and is told of; the next whole one counts."""
    first = gate.meets()
    gate.file.write_bytes(gate.file.read_bytes()[:300])

    assert until(lambda: gate.figure("refused"))
    assert gate.meets() == first
    gate.renew()
    assert until(lambda: gate.meets() != first)
    assert gate.process.until("certificate_refused")["level"] == "error"


def test_silent(tmp_path: Path) -> None:
    """Hundreds who connect and never speak TLS keep nobody out, however few files may be open."""
    file = str(issue(tmp_path / "cert.pem"))
    tls = {"TASKGATE_TLS_CERT": file, "TASKGATE_TLS_KEY": file}
    with serving(tmp_path, "--sandbox", by=FEW, **tls) as process, ExitStack() as silent:
        url = httpx.URL(process.until("serving")["url"])
        for _ in range(2 * FILES):
            silent.enter_context(socket.create_connection((url.host, url.port or 0)))
        with httpx.Client(base_url=url, verify=trusting(), timeout=WAIT_S) as client:
            answers = [client.get(path) for path in ("/healthz", "/v1/tasks?limit=1", "/metrics")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert float(re.findall(r'cut_total\{bound="crowded"\} ([\d.]+)', answers[2].text)[0]) > FILES
    assert float(re.findall(r"process_open_fds ([\d.]+)", answers[2].text)[0]) < FILES


def test_parting(tmp_path: Path) -> None:
    """A hundred who never agree to the end of their connection keep nobody out, either."""
    file = str(issue(tmp_path / "cert.pem"))
    tls = {"TASKGATE_TLS_CERT": file, "TASKGATE_TLS_KEY": file}
    with serving(tmp_path, "--sandbox", by=FEW, **tls) as process, ExitStack() as parting:
        url = httpx.URL(process.until("serving")["url"])
        trust = trusting()
        for _ in range(FILES // 3):  # twice as many as fit
            raw = parting.enter_context(socket.create_connection((url.host, url.port or 0)))
            line = parting.enter_context(trust.wrap_socket(raw, server_hostname=url.host))
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

        assert httpx.get(f"{url}/healthz", verify=trust, timeout=WAIT_S).status_code == 200


def test_drains(gate: Gate) -> None:
    """A pooled connection that nothing is asked on doesn't hold up the end of the process."""
    with httpx.Client(base_url=gate.url, verify=trusting()) as client:
        assert client.get("/v1/tasks?limit=1").status_code == 200
        began = monotonic()
        gate.process.running.terminate()

        assert gate.process.end() == ENDED
    assert monotonic() - began < DRAIN_S  # after which nobody is waited for
    assert [line["event"] for line in gate.process.lines[-2:]] == ["draining", "stopped"]


def test_clients(tmp_path: Path) -> None:
    """An authority for clients keeps out who shows no certificate of it."""
    file, ca = issue(tmp_path / "cert.pem"), tmp_path / "ca.pem"
    CLIENTS.cert_pem.write_to_path(str(ca))
    tls = {"TASKGATE_TLS_CERT": file, "TASKGATE_TLS_KEY": file, "TASKGATE_TLS_CLIENT_CA": ca}
    variables = {name: str(path) for name, path in tls.items()}
    with serving(tmp_path, "--sandbox", **variables) as process:
        url = process.until("serving")["url"]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz", verify=trusting())
        known = trusting()
        CLIENTS.issue_cert("client@example.org").configure_cert(known)

        assert httpx.get(f"{url}/healthz", verify=known).status_code == 200
