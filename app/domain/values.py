"""The texts of a query string → values: each reader takes one text, or says what is allowed."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from app.domain import moments
from app.domain.ids import UUID, read_number
from app.domain.query import LIMIT_MAX, Moment
from app.domain.spelling import Vocabulary
from app.domain.status import CANCELING, FINISHED, UNFINISHED

Reader: TypeAlias = Callable[[str], object]

TOKEN_LENGTH_MAX = 256  # P§5.2
CONTAINS = "~"
_LIMIT = re.compile(r"[0-9]{1,4}")
_TENANT = re.compile(r"0|[1-9][0-9]{0,18}")
_OURS = re.compile(r"(?:([a-z0-9-]{1,32})\.)?([0-9]{1,19})")
_SNAKE = re.compile(r"_([^,])")
_BOOLEANS = {"true": True, "false": False}
_YES_AND_NO = {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false"}
PRIORITIES = {
    "low": "low",
    "below_normal": "belowNormal",
    "normal": "normal",
    "above_normal": "aboveNormal",
    "high": "high",
}
"""The platform's priorities by our words for them."""
_PRIORITIES = {word.lower(): word for word in PRIORITIES.values()}
# Words for the same thing: ours, our group's, the platform's. Who writes one meant the other.
_SAME = tuple(
    (told.status, told.group, word)
    for word, told in (
        *UNFINISHED.items(),
        *FINISHED.items(),
        ("cancelling", CANCELING),
        ("completed", FINISHED["ok"]),
    )
)


class ValueFaultError(ValueError):
    """A value is not allowed: what is wrong, what is allowed, what was probably meant."""

    def __init__(self, detail: str, allowed: str, did_you_mean: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.allowed = allowed
        self.did_you_mean = did_you_mean


def word(words: Iterable[str], meant: Mapping[str, str] | None = None) -> Reader:
    """Return the reader of a closed set of our own words, whatever their case."""
    words = tuple(words)
    vocabulary = Vocabulary(words, {**_synonyms(words), **(meant or {})})
    known, allowed = frozenset(words), ", ".join(words)

    def read(text: str) -> str:
        if text in known or text.lower() in known:
            return text.lower()
        raise ValueFaultError(f"{_shown(text)} is not allowed", allowed, vocabulary.nearest(text))

    return read


def _synonyms(words: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _SAME:
        for ours in [each for each in row if each in words][:1]:
            for each in row:
                found.setdefault(each, ours)
    return found


def name(names: Iterable[str], allowed: str) -> Reader:
    """Return the reader of field names; case counts, as it does in the answer's keys."""
    known = frozenset(names)
    vocabulary = Vocabulary(known)

    def read(text: str) -> str:
        if text in known:
            return text
        raise ValueFaultError(f"{_shown(text)} is no field", allowed, vocabulary.nearest(text))

    return read


def token(text: str) -> str:
    """Read a word or an id of the platform: as it was sent, as long as the platform takes it."""
    if len(text) > TOKEN_LENGTH_MAX:
        raise ValueFaultError("is too long", f"at most {TOKEN_LENGTH_MAX} characters")
    return text


def folded(text: str) -> str:
    """Read a word that the platform writes in lower case."""
    return token(text).lower()


def id_of_either_case(text: str) -> str:
    """Read an id of the platform; UUIDs ignore case (P§15, 13)."""
    lower = token(text).lower()
    return lower if UUID.fullmatch(lower) else text


def text_or_part(text: str) -> str:
    """Read a text to equal or, behind `~`, to contain."""
    if text == CONTAINS:
        raise ValueFaultError("is empty behind ~", "a text to look for behind ~")
    return token(text)


def priority(text: str) -> str:
    """Return the platform's spelling of a priority, known or new; ours is snake_case."""
    word = token(text)
    low = word.replace("_", "").lower()
    return _PRIORITIES.get(low, _camel(word) if "_" in word else word)


def priorities(text: str) -> list[str]:
    """Return the platform's spellings of the priorities between commas."""
    folded_words = text.replace("_", "").lower().split(",")
    words = _camel(text).split(",") if "_" in text else text.split(",")
    return [_PRIORITIES.get(low, word) for low, word in zip(folded_words, words, strict=True)]


def _camel(text: str) -> str:
    parts = _SNAKE.split(text)
    parts[1::2] = map(str.upper, parts[1::2])
    return "".join(parts)


def whole(text: str) -> str:
    """Read an id that the platform takes as an integer alone."""
    if (read := read_number(text)) is None:
        raise ValueFaultError(f"{_shown(text)} is no id", "a whole number below 2^63")
    return read


def item_id(text: str) -> str:
    """Read an id in our form or the platform's bare one; returned with its alias, if it has one."""
    found = _OURS.fullmatch(text.lower())
    if found is None or read_number(found[2]) is None:
        raise ValueFaultError(
            f"{_shown(text)} is no id", "an id as answers have it (eu2.944455285181775873), or bare"
        )
    return text.lower()


def tenant(text: str) -> str:
    """Read a tenant's number or UUID."""
    if _TENANT.fullmatch(text):
        return text
    if UUID.fullmatch(lower := text.lower()):
        return lower
    raise ValueFaultError(f"{_shown(text)} is no tenant", "a tenant's numeric id, or its UUID")


def boolean(text: str) -> bool:
    """Read true or false."""
    if (found := _BOOLEANS.get(text.lower())) is not None:
        return found
    meant = _YES_AND_NO.get(text.lower())
    raise ValueFaultError(f"{_shown(text)} is not allowed", "true, false", meant)


def moment(text: str) -> Moment:
    """Read a time or an age."""
    try:
        return moments.read_moment(text)
    except moments.MomentError as exc:
        raise ValueFaultError(
            f"{_shown(text)} {exc.reason}", moments.ALLOWED, exc.did_you_mean
        ) from None


def limit(text: str) -> int:
    """Read the size of a page."""
    if _LIMIT.fullmatch(text) and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    raise ValueFaultError(f"{_shown(text)} is not allowed", f"a whole number from 1 to {LIMIT_MAX}")


def verbatim(text: str) -> str:
    """Take any text."""
    return text


def _shown(text: str) -> str:
    """Quote what was sent, as much of it as helps."""
    return repr(text) if len(text) <= TOKEN_LENGTH_MAX else f"{text[:TOKEN_LENGTH_MAX]!r}…"
