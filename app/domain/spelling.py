"""Did you mean: the known word that a caller probably had in mind."""

from collections.abc import Iterable, Mapping

_LENGTH_OF_ONE, _LENGTH_OF_TWO = 3, 6  # from how many letters on one slip, or two, are forgiven


class Vocabulary:
    """A closed set of words in lower case, and other words for them.

    `meant` names words that are known to stand for one of `words`; the first of them wins.
    """

    def __init__(self, words: Iterable[str], meant: Mapping[str, str] | None = None) -> None:
        self._words = frozenset(words)
        self._meant = dict(meant or {})
        self._by_length: dict[int, list[tuple[str, int]]] = {}
        for word in sorted(self._words):
            self._by_length.setdefault(len(word), []).append((word, _letters(word)))
        self._longest = max(map(len, (*self._words, *self._meant)), default=0)

    def nearest(self, text: str) -> str | None:
        """Return the word that differs from `text` by one slip, else by two, else None.

        A slip is a letter too many, one missing, one for another, or two that changed places.
        Case is no slip. Short words are forgiven fewer, since everything is near to them.
        """
        if len(text) > self._longest + 2:
            return None
        word = text.lower()
        if word in self._words:
            return word
        if word in self._meant:
            return self._meant[word]
        most = (len(word) >= _LENGTH_OF_ONE) + (len(word) >= _LENGTH_OF_TWO)
        near = self._near(word, most)
        for slips in range(1, most + 1):
            for other in near:
                if _within(word, other, slips):
                    return other
        return None

    def _near(self, word: str, most: int) -> list[str]:
        """Return the words that share enough letters; comparing all of them would take too long."""
        letters, length = _letters(word), len(word)
        return [
            other
            for near_length in range(length - most, length + most + 1)
            for other, others in self._by_length.get(near_length, ())
            if (letters ^ others).bit_count() <= 2 * most
        ]


def _letters(word: str) -> int:
    """Return which letters a word has, a bit each; one slip changes two bits at most."""
    bits = 0
    for letter in set(word):
        bits |= 1 << (ord(letter) & 31)
    return bits


def _within(one: str, other: str, slips: int) -> bool:
    """Say whether `slips` slips, one or two, are enough to make one word of the other."""
    start, end = 0, min(len(one), len(other))
    while start < end and one[start] == other[start]:
        start += 1
    stop = 0
    while stop < end - start and one[-1 - stop] == other[-1 - stop]:
        stop += 1
    one, other = one[start : len(one) - stop], other[start : len(other) - stop]
    if not (one and other):
        return len(one) + len(other) <= slips
    if slips == 1:
        return len(one) == len(other) == 1 or (len(one) == 2 and one == other[::-1])  # noqa: PLR2004
    return abs(len(one) - len(other)) <= slips and (
        _within(one[1:], other[1:], 1)
        or _within(one[1:], other, 1)
        or _within(one, other[1:], 1)
        or (one[:2] == other[1::-1] and _within(one[2:], other[2:], 1))
    )
