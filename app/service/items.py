"""Questions about one noun: cursor → key → cache, behind it the accounts."""

from collections.abc import Hashable
from dataclasses import replace

from app.domain.parsing import Asked
from app.domain.query import Shape, TaskQuery
from app.errors import ParameterFault, ScopeDeniedError
from app.service.denial import denies
from app.service.dressing import Arrange
from app.service.encode import USUAL, Delivery, Wanted
from app.service.house import House
from app.service.loading import Loader
from app.service.nouns import Noun
from app.service.outcome import partial_denied
from app.service.questions import OneItem, as_kept, point, resolve
from app.service.rounds import Load, UnderWay
from app.service.scope import Caller


class ItemService:
    """Answers questions about one noun; every answer is made once, kept and shared.

    It is shared by those who may see the same: what a caller may see is part of every question.
    """

    def __init__(self, noun: Noun, house: House) -> None:
        self._noun = noun
        self._house = house
        self._loader = Loader(noun, house)
        self._under_way = UnderWay(house.fanout)

    async def list(self, asked: Asked, caller: Caller, wanted: Wanted = USUAL) -> Delivery:
        """Return the page that `asked` asks for, or the failure that stands in its place.

        Raises:
            RequestError: no such account, one outside of what `caller` may see, an id that several
                accounts know, or a cursor that is not ours or not of this query.
        """
        return await self.ask(self.resolve(asked, caller), caller, wanted)

    async def ask(
        self,
        query: TaskQuery,
        caller: Caller,
        wanted: Wanted,
        *,
        key: Hashable = None,
        arrange: Arrange | None = None,
    ) -> Delivery:
        """Return the page that a resolved `query` asks for, or the failure in its place.

        `arrange` puts the items of the page into another form, which `key` stands for.
        """
        whole = as_kept(query)
        if not query.partial:
            wanted = replace(wanted, whole=True)
        found = await self._answer(
            key or whole,
            lambda rounds: self._loader.load_list(whole, arrange, rounds),
            caller,
            wanted,
        )
        if found.kept.error is None and (query.within is not None or not query.partial):
            answer = found.unwrap()
            # What was met since it was made is no longer denied.
            if answer.denied and denies(whole, self._house):
                raise _tenant_denied()
            if not query.partial and answer.failed:
                denied = partial_denied(answer.failed)
                return replace(found, kept=replace(found.kept, value=None, error=denied))
        return found

    async def get(
        self, text: str, shape: Shape, caller: Caller, wanted: Wanted = USUAL
    ) -> Delivery:
        """Return the item with the id `text` in any of its three forms, or the failure.

        Raises:
            RequestError: the id has no valid form, so nothing has it, or several accounts have it.
        """
        return await self.find(self.point(text, shape, caller), caller, wanted)

    async def find(self, question: OneItem, caller: Caller, wanted: Wanted) -> Delivery:
        """Return the item that `question` points at, or the failure.

        Raises:
            RequestError: several accounts have it.
        """
        return await self._answer(
            question, lambda rounds: self._loader.load_one(question, rounds), caller, wanted
        )

    async def _answer(self, key: Hashable, load: Load, caller: Caller, wanted: Wanted) -> Delivery:
        loads = self._under_way
        return await self._house.cache.get(
            key,
            lambda: loads.whole(key, load),
            wanted,
            caller.admit,
            board=caller.board,
            so_far=lambda: loads.so_far(key, load),
        )

    def point(self, text: str, shape: Shape, caller: Caller) -> OneItem:
        """Return the question for the item with the id `text`, as `caller` may see it.

        Raises:
            RequestError: the id has no valid form, or names an account that is not seen.
        """
        return point(text, shape, caller, noun=self._noun, house=self._house)

    def resolve(self, asked: Asked, caller: Caller) -> TaskQuery:
        """Return the question that `asked` is for `caller`, who may have found its cursor.

        Raises:
            RequestError: as `list`.
        """
        return resolve(asked, caller, self._house)


def _tenant_denied() -> ScopeDeniedError:
    fault = ParameterFault("tenant", "has no part that you are known to see")
    return ScopeDeniedError(
        "A tenant that you ask for is outside of what you may see, or nothing of it is among the "
        "newest, nor was seen before.",
        faults=[fault],
    )
