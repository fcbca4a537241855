"""The platform's errors as ours: the best texts there are, and a fingerprint of the fault."""

import hashlib
import re
from functools import lru_cache

from app.domain.parts import Fault
from app.platform.wire import WireFault, WireFaultContext, WireSource

_NO_CONTEXT = WireFaultContext()

# A text is read this far to tell faults apart; agents print whole logs into some.
_READ_MAX = 1024

# What differs between two machines with one fault, longest forms first: quoted names, UUIDs,
# mail addresses, Windows and UNC paths, POSIX paths, hexadecimal and decimal numbers. A repetition
# that may end in nothing is bounded or starts once a run: no text takes quadratic time.
_PARTICULARS = re.compile(
    r"""(?<!\w)'.{0,255}?'(?!\w) | "[^"]{0,255}" | “[^”]{0,255}” | «[^»]{0,255}»
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
    | (?<![\w.+-])[\w.+-]{1,64}@[\w.-]+
    | (?:\b[a-zA-Z]:|\\)[\\/][^\s'",;]*
    | (?<![\w/])/[^\s'",;]+
    | \b0[xX][0-9a-fA-F]++\b
    | \b(?=[a-fA-F]*+\d)[0-9a-fA-F]{8,}+\b
    | \d++(?:[.,]\d++)*+
    """,
    re.VERBOSE,
)


def fault(wire: WireFault) -> Fault | None:
    """Return an error or a warning of the platform as ours; None when it says nothing at all.

    There is no message on the wire: it is the first text of effect, cause, reason, debug text and
    code (P§10.5).
    """
    context = wire.context or _NO_CONTEXT
    code = None if wire.code is None else str(wire.code) or None
    domain = wire.domain or None
    effect = context.effect_str or None
    cause = context.cause_str or _deepest_text(context.source)
    message = effect or cause or wire.reason or (wire.debug and wire.debug.msg) or code
    kb_code = (wire.kb_link and wire.kb_link.ser_code) or None
    if message is None and domain is None and kb_code is None:
        return None
    return Fault(
        domain=domain,
        code=code,
        message=message or None,
        cause=cause,
        effect=effect,
        kb_code=kb_code,
        fingerprint=_fingerprint(domain, code, (message or "")[:_READ_MAX]),
    )


def _deepest_text(source: WireSource | None) -> str | None:
    """Return the last text of an agent's chain of errors: the cause of all above it."""
    deepest = None
    while source is not None:
        deepest = source.text or deepest
        source = source.suberror
    return deepest


@lru_cache(maxsize=1024)
def _fingerprint(domain: str | None, code: str | None, message: str) -> str:
    """Return 16 hex digits; cached because one fault comes from forty machines."""
    general = " ".join(_PARTICULARS.sub("*", message).lower().split())
    told = "\n".join((domain or "", code or "", general))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
