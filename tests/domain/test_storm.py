"""Any query string is answered or refused, never a failure; `bench/parsing.py` draws more."""

from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.filters import KnownTenants
from app.domain.parameters import ACTIVITY_PARAMETERS, TASK_PARAMETERS
from app.domain.parsing import parse
from app.domain.plan import make_plan
from app.errors import RequestError

_TABLES = (TASK_PARAMETERS, ACTIVITY_PARAMETERS)
_KNOWN = {**ACTIVITY_PARAMETERS.by_name, **TASK_PARAMETERS.by_name}
_NAMES = st.sampled_from(sorted(_KNOWN))
_VALUES = st.text(max_size=12) | st.text("~09azT_.:,()%+\\- ", max_size=30)
_PAIRS = st.tuples(_NAMES, _VALUES) | _NAMES.map(lambda name: (name, _KNOWN[name].example))
QUERIES = st.lists(_PAIRS, max_size=4) | st.text(max_size=60).map(
    lambda text: parse_qsl(text, keep_blank_values=True)
)


def answer(pairs: list[tuple[str, str]]) -> None:
    """Read a query string and plan it for each list; a refusal is as good an answer."""
    for table in _TABLES:
        try:
            query = parse(pairs, table).query
        except RequestError:
            continue
        make_plan(query, "eu2", now_ns=10**18, step_s=10, tenants=KnownTenants())


@settings(max_examples=500, deadline=None)
@given(QUERIES)
def test_any_query(pairs: list[tuple[str, str]]) -> None:
    """A query string is planned, or refused with what is wrong; nothing else happens."""
    answer(pairs)
