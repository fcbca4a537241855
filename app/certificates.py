"""TLS by files: what connections are met with, read again when a file changes."""

import ssl
from collections.abc import Callable
from pathlib import Path

import structlog

CHECK_EVERY_S = 1.0
# Forward secrecy and authenticated encryption alone; TLS 1.3 has nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_log = structlog.get_logger()


class Certificates:
    """A certificate, its key and, if clients must show theirs, the authority for those.

    `context` is for the server. When a handshake begins, at most once a second, it is looked
    whether a file changed (its inode, size or times); a new certificate, key and authority then
    count together, for this and every later connection. Files that can't be used, such as a
    certificate whose key is yet to be written, change nothing but a log line and `reloaded(False)`,
    once; they are read again with every look until they are right.

    Raises:
        OSError: the files can't be used at the start.
    """

    def __init__(
        self,
        cert: Path,
        key: Path,
        client_ca: Path | None,
        *,
        monotonic: Callable[[], float],
        reloaded: Callable[[bool], None],
    ) -> None:
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._monotonic = monotonic
        self._reloaded = reloaded
        self._refused: tuple[object, str] | None = None
        self._seen = self._look()
        self._now = self.context = self._read()
        self.context.sni_callback = self._meet
        self._next_look_s = monotonic() + CHECK_EVERY_S

    def for_uvicorn(self, _config: object, _default: object) -> ssl.SSLContext:
        """Return `context`, as a factory of uvicorn's configuration."""
        return self.context

    def _meet(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Let a connection go on with what is known now; OpenSSL asks also where no name came."""
        if self._monotonic() >= self._next_look_s:
            self._next_look_s = self._monotonic() + CHECK_EVERY_S
            seen = self._look()
            # A refusal may have been the moment's, and nothing changes after it.
            if seen != self._seen or self._refused is not None:
                self._seen = seen
                self._reload()
        connection.context = self._now

    def _look(self) -> list[tuple[int, int, int, int] | None]:
        files = (self._cert, self._key, self._client_ca)
        return [None if file is None else _version(file) for file in files]

    def _reload(self) -> None:
        try:
            self._now = self._read()
        except OSError as exc:  # what `ssl` raises is one, too
            refused, before = (self._seen, type(exc).__name__), self._refused
            self._refused = refused
            if refused != before:
                self._reloaded(False)
                _log.error("certificate_refused", reason=refused[1])
        else:
            self._refused = None
            self._reloaded(True)
            _log.info("certificate_read")

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        # Without words of ours an encrypted key would ask for some at the terminal.
        context.load_cert_chain(self._cert, self._key, password="")
        if self._client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self._client_ca)
            # A session that is resumed is not verified again: an authority may be gone by then.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context


def _version(file: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino
