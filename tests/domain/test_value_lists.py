"""Lists of values: read at once they are what they are one by one."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.collecting import collect
from app.domain.faults import Faults
from app.domain.parameters import ACTIVITY_PARAMETERS, TASK_PARAMETERS
from app.domain.values import ValueFaultError
from app.errors import RequestError

UUID = "38045860-8901-426E-B51F-FC6D24D1CBE0"
LISTS = {
    name: parameter
    for name, parameter in {**ACTIVITY_PARAMETERS.by_name, **TASK_PARAMETERS.by_name}.items()
    if parameter.many
}
ODD = (
    *("0", "7", "007", "x", "A b", "~", "~x", "_", "a_", "a_b", "__a", "belowNormal", "LOW_"),
    *("EU2.7", "eu2.9223372036854775807", "9223372036854775807", "9223372036854775808", "9" * 19),
    *(UUID, UUID.lower(), "x" * 36, "X" * 256, "x" * 257, "İ" * 200, "İ", "Failed", "status"),
    *("tenant.id", "raw", "backup", "failure", r"a\,b", "\\", "a\\", "٣", "a\n"),
)


def one_by_one(name: str, pieces: list[str]) -> list[object] | None:
    """Return the values in `pieces` as their parameter reads each, None when one is wrong."""
    texts = [piece.replace("\\,", ",") for piece in pieces]
    try:
        return [LISTS[name].read(text) for text in texts] if all(texts) else None
    except ValueFaultError:
        return None


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(LISTS)), st.lists(st.sampled_from(ODD) | st.text(max_size=3), min_size=1)
)
@example("priority", [r"a\,b"])
def test_at_once(name: str, pieces: list[str]) -> None:
    """However values are mixed, a list holds what each is by itself, or is refused."""
    pieces = [each for each in pieces if "," not in each.replace("\\,", "")][:100] or ["7"]
    # What ends with a backslash would escape the comma behind it.
    pieces = [each for each in pieces if not each.endswith("\\")] or ["7"]
    faults = Faults()
    table = TASK_PARAMETERS if name in TASK_PARAMETERS.by_name else ACTIVITY_PARAMETERS
    found = collect([(name, ",".join(pieces))], table, faults)[name]
    expected = one_by_one(name, pieces)

    if expected is None:
        with pytest.raises(RequestError):
            faults.settle()
    else:
        faults.settle()
        assert found == expected


@pytest.mark.parametrize("name", sorted(LISTS))
def test_examples(name: str) -> None:
    """Many times the documented example is taken at once, with nothing left to read by itself."""
    parameter = LISTS[name]
    assert parameter.read_several is not None
    values, rest = parameter.read_several(",".join([parameter.example] * 3))

    assert (values, rest) == ([parameter.read(parameter.example)] * 3, None)


@pytest.mark.parametrize(
    ("name", "text", "taken"),
    [
        pytest.param("status", "failed,Running,nope,failed", 2, id="word"),
        pytest.param("fields", "id,Status", 1, id="name"),
        pytest.param("workflow", "1,2,x", 2, id="no number"),
        pytest.param("workflow", "1,9223372036854775808,2", 1, id="too great a number"),
        pytest.param("tag", "a,,b", 1, id="empty"),
        pytest.param("tag", "a,", 1, id="empty end"),
        pytest.param("policy_name", "~a,~,b", 1, id="nothing to contain"),
        pytest.param("tenant", "7,İ", 0, id="longer in lower case"),
        pytest.param("task", "eu2.7,eu2.9223372036854775807", 1, id="nearly too great"),
    ],
)
def test_head(name: str, text: str, taken: int) -> None:
    """What is in order before something that is not is taken, and that is next."""
    read = LISTS[name].read_several
    assert read is not None
    values, rest = read(text)

    assert len(values) == taken
    assert rest == ",".join(text.split(",")[taken:])


def test_read_by_itself() -> None:
    """A value that can't be taken at once is read by itself, and reading goes on behind it."""
    text = "eu2.7,eu2.9223372036854775807,8"
    found = collect([("task", text)], ACTIVITY_PARAMETERS, Faults())

    assert found == {"task": ["eu2.7", "eu2.9223372036854775807", "8"]}
