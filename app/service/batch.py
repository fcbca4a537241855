"""A batch of ids: which account is asked for which, and which were not found."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from app.domain.bounds import Params
from app.domain.ids import Ref, read_ref
from app.domain.reading import Item
from app.service.nouns import Noun
from app.service.walk import Slice

_IDS_PER_CALL = 100  # 100 UUIDs make 4 kB of URL; servers commonly allow 8


class Batch:
    """The ids of one request, in any form, over `accounts`."""

    def __init__(self, noun: Noun, ids: Sequence[str], accounts: Collection[str]) -> None:
        self._noun = noun
        self._refs = {text: read_ref(text, accounts) for text in ids}

    def wanted(self, account: str) -> list[Params]:
        """Return what `account` is asked for: ids and UUIDs apart, since filters are ANDed."""
        refs = [ref for ref in self._refs.values() if ref and ref.account in {None, account}]
        numbers = sorted({("id", ref.number) for ref in refs if ref.number})
        uuids = sorted({("uuid", ref.uuid) for ref in refs if ref.uuid})
        return [*_chunks(numbers), *_chunks(uuids)]

    def missing(self, answered: Mapping[str, Slice], failed: Collection[str]) -> tuple[str, ...]:
        """Return the ids that no account has, as they were sent.

        An id that an account might have which failed is not called missing.

        Raises:
            AmbiguousIdError: two accounts have the same bare id.
        """
        items = [reading.item for found in answered.values() for reading in found.found]
        missing = []
        for text, ref in self._refs.items():
            found = sorted({item.id for item in items if ref and _matches(ref, item)})
            if len(found) > 1:
                raise self._noun.ambiguous(text, found)
            unsure = ref is not None and (ref.account in failed or (not ref.account and failed))
            if not found and not unsure:
                missing.append(text)
        return tuple(missing)


def _matches(ref: Ref, item: Item) -> bool:
    if ref.account not in {None, item.account}:
        return False
    return item.upstream_id == ref.number if ref.number else item.uuid == ref.uuid


def _chunks(params: Sequence[tuple[str, str]]) -> Iterable[Params]:
    for start in range(0, len(params), _IDS_PER_CALL):
        yield tuple(params[start : start + _IDS_PER_CALL])
