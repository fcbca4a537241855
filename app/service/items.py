"""Questions about one noun: cursor → key → cache, behind it the accounts."""

from collections.abc import Hashable

import msgspec

from app.domain.parsing import Asked
from app.domain.query import Shape, TaskQuery
from app.errors import ParameterFault, ScopeDeniedError
from app.service.encode import USUAL, Delivery, Wanted
from app.service.fanout import refuse_partial
from app.service.house import House
from app.service.loading import Arrange, Loader
from app.service.nouns import Noun
from app.service.questions import OneItem, point, resolve
from app.service.scope import Caller


class ItemService:
    """Answers questions about one noun; every answer is made once, kept and shared.

    It is shared by those who may see the same: what a caller may see is part of every question.
    """

    def __init__(self, noun: Noun, house: House) -> None:
        self._noun = noun
        self._house = house
        self._loader = Loader(noun, house)

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
        # Whether a partial answer will do changes nothing in the question.
        whole = msgspec.structs.replace(query, partial=True)
        found = await self._house.cache.get(
            key or whole, lambda: self._loader.load_list(whole, arrange), wanted, caller.admit
        )
        if found.kept.error is None and (query.within is not None or not query.partial):
            answer = found.unwrap()
            if answer.denied:
                raise _tenant_denied()
            if not query.partial:
                refuse_partial(answer.failed)
        return found

    async def get(
        self, text: str, shape: Shape, caller: Caller, wanted: Wanted = USUAL
    ) -> Delivery:
        """Return the item with the id `text` in any of its three forms, or the failure.

        Raises:
            RequestError: the id has no valid form, so nothing has it, or several accounts have it.
        """
        question = self.point(text, shape, caller)
        return await self._house.cache.get(
            question, lambda: self._loader.load_one(question), wanted, caller.admit
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
        "A tenant that you ask for is outside of what you may see, or nothing of it was seen yet.",
        faults=[fault],
    )
