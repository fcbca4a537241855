"""What comes behind a head and is no body: the framing of chunks, and fields, which are dropped."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from typing_extensions import override

from app.errors import ServiceError
from app.serving.bounds import Bounds
from app.serving.place import TakesPlace
from app.serving.refusal import too_much_head

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class _StopError(Exception):
    """The parser stops here; the answer is made where it is caught."""


class Trailers(list[tuple[bytes, bytes]]):
    """Takes the fields behind a body, counts them and keeps none.

    Credentials, addresses and conditions mean nothing there: who stands between has not seen them
    (RFC 9110 6.5.1). `stop` is called with the first field that is more than a head may have.
    """

    def __init__(self, bounds: Bounds, stop: Callable[[], object]) -> None:
        super().__init__()
        self._fields_left, self._left_bytes = bounds.head_fields, bounds.head_bytes
        self._stop = stop

    @override
    def append(self, field: tuple[bytes, bytes]) -> None:
        name, value = field
        self._fields_left -= 1
        self._left_bytes -= len(name) + len(value) + 4
        if self._fields_left < 0 or self._left_bytes < 0:
            self._stop()


class BoundsFraming(TakesPlace):
    """Bounds what comes between two chunks of a body, and behind the last, as it bounds a head.

    The parser passes sizes and extensions of any length, and keeps a field that has no end. A
    request without chunks meets none of this.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._framed: RequestResponseCycle | None = None  # whose framing is being counted
        self._framing_bytes = 0
        self._refusal: tuple[ServiceError, str] | None = None  # and the bound, of a request

    def on_chunk_header(self) -> None:
        """Take what follows for trailers, not for fields of the head. The parser's word."""
        self._framed = None
        # Another list: the scope has that of the head.
        self.headers = Trailers(self._bounds, self._stop_at_trailers)

    @override
    def on_body(self, body: bytes) -> None:
        self._framing_bytes -= len(body)
        super().on_body(body)

    def stop(self, error: ServiceError, bound: str) -> NoReturn:
        """Stop the parser; the request is refused with this error."""
        self._refusal = error, bound
        raise _StopError

    def is_framing_too_much(self, came_bytes: int) -> bool:
        """Count bytes of a read that began behind the head of a request; True when it is enough.

        Those that the head, or a chunk's, ended in tell nothing: which came before is not known.
        """
        if self._framed is not self.cycle:
            self._framed, self._framing_bytes = self.cycle, 0
        else:
            self._framing_bytes += came_bytes
        return self._framing_bytes > self._bounds.head_bytes

    def _stop_at_trailers(self) -> NoReturn:
        self.stop(too_much_head(), "head")
