"""Whether a tenant that was asked for is within sight: what was met tells, else one look."""

from contextlib import aclosing

from app.domain.bounds import order_by
from app.domain.columns import TIMES
from app.domain.filters import sight, visible
from app.domain.query import LIMIT_MAX, TaskQuery
from app.service.house import House
from app.service.nouns import Noun
from app.service.outcome import first_failure
from app.service.reading import Platform
from app.service.rounds import Rounds


def denies(query: TaskQuery, house: House) -> bool:
    """Say whether nothing of a tenant that was asked for is known to be within sight.

    Nobody can tell so whether it exists. A walk was judged at its first page.
    """
    wanted, within = query.values("tenant"), query.within
    if within is None or query.position is not None:
        return False
    return not house.tenants.are_met(query.accounts, wanted, within)


async def is_denied(query: TaskQuery, noun: Noun, house: House, rounds: Rounds) -> bool:
    """Say whether `query` is denied, after a look at the newest items without its filters.

    The look goes on for as many pages as an answer may read. It is the answer's last round, so that
    those before it are the same whether it is taken or not; what it costs depends on nothing that
    is out of sight.

    Raises:
        ServiceError: an account that might have told more failed.
    """
    if not denies(query, house):
        return False
    sees = sight(query.within, house.tenants)

    async def look(platform: Platform, _: str) -> None:
        newest = order_by(TIMES[type(query)]["created_at"], descending=True)
        left = house.scan_pages_max
        async with aclosing(noun.pages(platform, newest, LIMIT_MAX)) as pages:
            async for page in pages:
                visible(page.readings, sees)
                left -= 1
                if page.last or not left or not denies(query, house):
                    return

    outcomes = await rounds.ask(query.accounts, look)
    if not denies(query, house):
        return False
    if (failure := first_failure(outcomes)) is not None:
        raise failure
    return True
