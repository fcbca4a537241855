"""Certificates that are renewed while the service runs, over handshakes in memory."""

import os
import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from app.certificates import Certificates
from tests.support.platform import FakeTime
from tests.support.unreadable import Unreadable

ROUNDS = 6  # more than a handshake takes


class Renewals:
    """The files of a server, what clients trust, and what was told of changes."""

    def __init__(self, folder: Path, *, clients: bool = False) -> None:
        self.cert, self.key = Unreadable(folder / "cert.pem"), folder / "key.pem"
        self.client_ca = folder / "ca.pem" if clients else None
        self.time, self.told, self.writes = FakeTime(), list[bool](), 0
        self.ca, self.clients = trustme.CA(), trustme.CA()
        self.renew()
        if self.client_ca is not None:
            self.write(self.client_ca, self.clients.cert_pem.bytes())
        self.certificates = Certificates(
            self.cert,
            self.key,
            self.client_ca,
            monotonic=self.time.monotonic,
            reloaded=self.told.append,
        )

    def write(self, file: Path, content: bytes) -> None:
        """Write a file anew, a second later by its own clock."""
        self.writes += 1
        file.write_bytes(content)
        os.utime(file, (self.writes, self.writes))

    def renew(self) -> None:
        """Put another certificate and its key where the last ones were."""
        made = self.ca.issue_cert("gate.example")
        self.write(self.cert, made.cert_chain_pems[0].bytes())
        self.write(self.key, made.private_key_pem.bytes())

    def meet(self, *, after_s: float = 1, shows: trustme.CA | None = None) -> bytes | None:
        """Return the certificate that a client meets, None when it is turned away."""
        self.time.now += after_s
        trusting = ssl.create_default_context()
        self.ca.configure_trust(trusting)
        if shows is not None:
            shows.issue_cert("client@example.org").configure_cert(trusting)
        return handshake(trusting, self.certificates.context)


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> bytes | None:
    """Let both speak until they have agreed; None when they can't."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(there, back, server_side=True)
    theirs = client.wrap_bio(back, there, server_hostname="gate.example")
    for end in [theirs, ours] * ROUNDS:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            return None
    return theirs.getpeercert(binary_form=True)


def test_renewed(tmp_path: Path) -> None:
    """A certificate that was renewed is shown within a second, and told of once."""
    files = Renewals(tmp_path)
    first = files.meet()
    files.renew()
    with capture_logs() as logs:
        found = [files.meet(after_s=0.5), files.meet(after_s=0.5), files.meet()]

    assert first is not None
    assert found == [first, found[1], found[1]]
    assert found[1] not in {first, None}
    assert [line["event"] for line in logs] == ["certificate_read"]
    assert files.told == [True]


@pytest.mark.parametrize("content", [None, b"", b"canary", b"-----BEGIN CERTIFICATE-----\ncanary"])
def test_broken(tmp_path: Path, content: bytes | None) -> None:
    """A broken renewal keeps the old certificate, and is told of once; the next one counts."""
    files = Renewals(tmp_path)
    first = files.meet()
    if content is None:
        files.cert.unlink()
    else:
        files.write(files.cert, content)
    with capture_logs() as logs:
        found = [files.meet() for _ in range(3)]
    files.renew()

    assert found == [first] * 3
    assert [line["event"] for line in logs] == ["certificate_refused"]
    assert "canary" not in str(logs)
    assert files.meet() not in {first, None}
    assert files.told == [False, True]


def test_read_failed_once(tmp_path: Path) -> None:
    """A read that failed is tried again each second, though nothing changes; it is told once."""
    files = Renewals(tmp_path)
    first = files.meet()
    files.renew()
    files.cert.failing = True
    found = [files.meet() for _ in range(3)]
    files.cert.failing = False

    assert found == [first] * 3
    assert files.meet() not in {first, None}
    assert files.told == [False, True]


def test_half_way(tmp_path: Path) -> None:
    """A certificate whose key is yet to be written waits for it."""
    files = Renewals(tmp_path)
    first, key = files.meet(), files.key.read_bytes()
    files.renew()
    renewed = files.key.read_bytes()
    files.write(files.key, key)
    between = files.meet()
    files.write(files.key, renewed)

    assert between == first
    assert files.meet() not in {first, None}
    assert files.told == [False, True]


def test_clients(tmp_path: Path) -> None:
    """Who shows no certificate of the authority is turned away, also once it is another."""
    files = Renewals(tmp_path, clients=True)
    assert files.client_ca is not None
    assert files.meet(shows=files.clients) is not None
    assert files.meet() is None
    others = trustme.CA()
    files.write(files.client_ca, others.cert_pem.bytes())

    assert files.meet(shows=files.clients) is None
    assert files.meet(shows=others) is not None


def test_encrypted_key(tmp_path: Path) -> None:
    """A key that needs a password is refused, and asks nobody for it."""
    files = Renewals(tmp_path)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    files.write(files.key, locked)

    assert files.meet() is not None
    assert files.told == [False]
