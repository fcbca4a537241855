"""Did you mean: the known word that a caller probably had in mind."""

from collections.abc import Iterable, Mapping

_LENGTH_OF_ONE, _LENGTH_OF_TWO = 3, 6  # from how many letters on one slip, or two, are forgiven
_MOST = 2


class Vocabulary:
    """A closed set of words in lower case, and other words for them.

    `meant` names words that are known to stand for one of `words`; the first of them wins.
    """

    def __init__(self, words: Iterable[str], meant: Mapping[str, str] | None = None) -> None:
        self._words = frozenset(words)
        self._meant = dict(meant or {})
        self._longest = max(map(len, (*self._words, *self._meant)), default=0)
        self._near_length = [
            [
                (each, _letters(each))
                for each in sorted(self._words)
                if abs(len(each) - length) <= _MOST
            ]
            for length in range(self._longest + _MOST + 1)
        ]

    def nearest(self, text: str) -> str | None:
        """Return the word that differs from `text` by one slip, else by two, else None.

        A slip is a letter too many, one missing, one for another, or two that changed places.
        Case is no slip. Short words are forgiven fewer, since everything is near to them.
        """
        word = text.lower()
        if len(word) > self._longest + _MOST:
            return None
        if word in self._words:
            return word
        if word in self._meant:
            return self._meant[word]
        most = (len(word) >= _LENGTH_OF_ONE) + (len(word) >= _LENGTH_OF_TWO)
        near, fewest = None, most + 1
        for other in self._near(word, most):
            slips = _slips(word, other)
            if slips == 1:
                return other
            if slips < fewest:
                near, fewest = other, slips
        return near

    def _near(self, word: str, most: int) -> list[str]:
        """Return the words that share enough letters; comparing all of them would take too long."""
        letters, bits = _letters(word), 2 * most
        return [
            other
            for other, others in self._near_length[len(word)]
            if (letters ^ others).bit_count() <= bits
        ]


def _letters(word: str) -> int:
    """Return which letters a word has, and which it has twice, a bit each.

    One slip changes two bits at most.
    """
    once = twice = 0
    for letter in word:
        bit = 1 << (ord(letter) & 31)
        twice |= once & bit
        once |= bit
    return twice << 32 | once


def _slips(one: str, other: str) -> int:
    """Return how many slips, one or two, make one word of the other; 3 when more are needed."""
    one, other = _differing(one, other)
    if len(one) < len(other):
        one, other = other, one
    longer = len(one) - len(other)
    if not other or len(one) == 1:
        return min(len(one), 3)
    if len(one) == 2 and one == other[::-1]:  # noqa: PLR2004  # changed places
        return 1
    return 2 if longer <= 2 and _within_two(one, other, longer) else 3  # noqa: PLR2004


def _differing(one: str, other: str) -> tuple[str, str]:
    """Return both words without the letters that they begin and end with alike."""
    start = 0
    for letter, another in zip(one, other, strict=False):
        if letter != another:
            break
        start += 1
    one, other = one[start:], other[start:]
    stop = 0
    for letter, another in zip(one[::-1], other[::-1], strict=False):
        if letter != another:
            break
        stop += 1
    return one[: len(one) - stop], other[: len(other) - stop]


def _within_two(one: str, other: str, longer: int) -> bool:
    """Say whether two slips are enough where the first letters differ, and the last ones.

    Then one slip is at either end, and what they leave between them is alike. `longer` says by how
    many letters `one` is.
    """
    if longer == 2:  # noqa: PLR2004
        return one[1:-1] == other
    if longer:
        return (
            one[1:-1] in {other[1:], other[:-1]}
            or (_swapped(one, other) and one[2:-1] == other[2:])
            or (_swapped(one[::-1], other[::-1]) and one[1:-2] == other[:-2])
        )
    head, tail = _swapped(one, other), _swapped(one[::-1], other[::-1])
    return (
        one[1:-1] == other[1:-1]
        or one[1:] == other[:-1]
        or one[:-1] == other[1:]
        or (head and one[2:-1] == other[2:-1])
        or (tail and one[1:-2] == other[1:-2])
        or (head and tail and one[2:-2] == other[2:-2])
    )


def _swapped(one: str, other: str) -> bool:
    return one[:2] == other[1::-1]
