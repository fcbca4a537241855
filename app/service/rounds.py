"""What one answer asks the accounts, round after round, and what there is of it so far."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from itertools import count
from typing import Any, Final, TypeVar

from typing_extensions import override

from app.cache.answers import Loaded
from app.errors import OverloadedError, UpstreamError, UpstreamTimeoutError
from app.service.encode import Answer
from app.service.fanout import Fanout
from app.service.outcome import Outcome, no_time_left
from app.service.reading import Platform

# With less than this part of the deadline left nobody is asked any more: who could not answer in so
# short a time would be blamed for what another used up.
_LEFT_MIN_PART: Final = 0.02

# With this part of the deadline left a round is as good as a first one: who lets it pass is silent.
# With less only who used up the rest has had a fair time, for both together.
_FAIR_PART: Final = 0.5

T = TypeVar("T")


class Rounds:
    """The fan-outs of one answer, all within one deadline that begins now.

    `began_ns` is that now, in Unix nanoseconds.
    """

    def __init__(self, fanout: Fanout) -> None:
        self.began_ns = fanout.now_ns()
        self._fanout = fanout
        self._until = fanout.deadline()
        self._made: list[dict[str, Outcome[Any] | None]] = []
        self._slowest: str | None = None

    async def ask(
        self, accounts: Sequence[str], read: Callable[[Platform, str], Awaitable[T]]
    ) -> list[Outcome[T]]:
        """Return the outcome of `read` for each of `accounts`, in their order.

        When earlier rounds have used up the time nobody is asked; when they have used up most of
        it, it may be too short. Then only the account that answered last is to blame.
        """
        left_part = self._fanout.left_part(self._until) if self._made else 1.0
        if left_part < _LEFT_MIN_PART:
            return [self._unasked(account) for account in accounts]
        fair = [each for each in accounts if left_part >= _FAIR_PART or each == self._slowest]
        made: dict[str, Outcome[T] | None] = dict.fromkeys(accounts)
        self._made.append(made)

        def note(outcome: Outcome[T]) -> None:
            made[outcome.account] = outcome
            self._slowest = outcome.account

        return await self._fanout.ask(accounts, read, until=self._until, answerable=fair, note=note)

    async def rest(self) -> None:
        """Let others have a turn of the event loop, amid work that is long."""
        await asyncio.sleep(0)

    def so_far(self) -> "Rounds":
        """Return the same rounds for one who waits no longer: with what there is, and at once."""
        return _SoFar(self._fanout, self.began_ns, self._made)

    def _unasked(self, account: str) -> Outcome[Any]:
        blamed = account == self._slowest
        error = no_time_left(account if blamed else None)
        return Outcome(account, self.began_ns, None, error, blamed=blamed)


class _SoFar(Rounds):
    """Asks nobody: who has not answered yet has not answered in time.

    Nor does it rest: what is there so far must be told before there is more.
    """

    def __init__(
        self, fanout: Fanout, began_ns: int, made: Sequence[dict[str, Outcome[Any] | None]]
    ) -> None:
        super().__init__(fanout)
        self.began_ns = began_ns
        self._past = [dict(each) for each in made]
        self._turn = count()

    @override
    async def ask(
        self, accounts: Sequence[str], read: Callable[[Platform, str], Awaitable[T]]
    ) -> list[Outcome[T]]:
        turn = next(self._turn)
        made = self._past[turn] if turn < len(self._past) else {}
        return [made.get(each) or self._late(each, asked=each in made) for each in accounts]

    @override
    async def rest(self) -> None:
        pass

    def _late(self, account: str, *, asked: bool) -> Outcome[Any]:
        if not asked:
            return self._unasked(account)
        error = UpstreamTimeoutError("The platform has not answered yet.", account=account)
        return Outcome(account, self.began_ns, None, error)


Load = Callable[[Rounds], Awaitable[Loaded[Answer]]]


class UnderWay:
    """The loads under way by question, for those who have less time than they take."""

    def __init__(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self._rounds: dict[Hashable, Rounds] = {}

    async def whole(self, key: Hashable, load: Load) -> Loaded[Answer]:
        """Return what `load` makes of the accounts' answers, once all have answered or failed."""
        rounds = self._rounds[key] = Rounds(self._fanout)
        try:
            return await load(rounds)
        finally:
            # A purge may have begun a successor meanwhile.
            if self._rounds.get(key) is rounds:
                del self._rounds[key]

    async def so_far(self, key: Hashable, load: Load) -> Loaded[Answer] | None:
        """Return what `load` makes of the answers that are there, or None if that is nothing."""
        rounds = self._rounds.get(key)
        if rounds is None:
            return None
        try:
            return await load(rounds.so_far())
        except (UpstreamError, OverloadedError):
            return None
