"""Errors of the platform: the best texts there are, and one fingerprint for one fault."""

from typing import Any

import msgspec
import pytest

from app.domain.parts import Fault
from app.platform.fault import fault
from app.platform.wire import WireFault


def told(**sent: Any) -> Fault:
    """Return our form of an error that says at least something."""
    answer = fault(msgspec.convert(sent, WireFault))
    assert answer is not None
    return answer


def chain(*texts: str | None) -> dict[str, Any]:
    """Return an agent's chain of errors, outermost first; it ends with an empty object."""
    link: dict[str, Any] = {}
    for text in reversed(texts):
        link = {"text": text, "suberror": link}
    return link


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        pytest.param({"context": {"effect_str": "E", "cause_str": "C"}}, "E", id="effect"),
        pytest.param({"context": {"effect_str": "", "cause_str": "C"}}, "C", id="cause"),
        pytest.param({"context": {"_src": chain("outer", "inner", None)}}, "inner", id="deepest"),
        pytest.param(
            {"context": {"_src": {}}, "reason": "R", "debug": {"msg": "D"}}, "R", id="reason"
        ),
        pytest.param({"reason": "", "debug": {"msg": "D"}}, "D", id="debug"),
        pytest.param({"debug": {}, "code": "Code"}, "Code", id="code"),
        pytest.param({"code": 1006}, "1006", id="number"),
        pytest.param({"debug": {"msg": ""}, "domain": "Access"}, None, id="no text"),
    ],
)
def test_message(sent: dict[str, Any], message: str | None) -> None:
    """The message is the first text of effect, cause, reason, debug text and code."""
    assert told(**sent).message == message


def test_texts() -> None:
    """Effect, cause and the key of the knowledge base stand beside the message."""
    answer = told(
        domain="Common",
        code="InternalError",
        context={"effect_str": "E", "cause_str": "C", "_src": chain("outer", "inner")},
        kbLink={"serCode": "0x1+0x2", "build": "20567"},
    )

    assert (answer.domain, answer.code) == ("Common", "InternalError")
    assert (answer.effect, answer.cause, answer.kb_code) == ("E", "C", "0x1+0x2")


def test_silence() -> None:
    """An error that says nothing is none."""
    assert fault(WireFault()) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Backup 'srv-01' failed", "Backup 'John's box' failed", id="quoted name"),
        pytest.param('Plan "A" is gone', 'Plan "B or C" is gone', id="double quotes"),
        pytest.param(
            "No 33965f81-7293-45d4-9f13-dc4281d7bdfd here",
            "No 2F1D6F7A-6F2E-4F5C-9B62-0D8F4A0F3E77 here",
            id="UUID",
        ),
        pytest.param(r"Can't read C:\Users\a\x.doc", r"Can't read D:\b.doc", id="Windows path"),
        pytest.param(r"Can't open \\nas\share", r"Can't open \\other\share2", id="network path"),
        pytest.param("Can't read /home/a.txt", "Can't read /srv/b", id="POSIX path"),
        pytest.param("Failed with 0x80070005", "Failed with 0xFFF0", id="hexadecimal"),
        pytest.param("2 activities failed", "17 activities  failed", id="number, spaces"),
        pytest.param("Mailbox anna@bakery.example", "Mailbox bob@other.test", id="address"),
        pytest.param("ACCESS denied", "Access denied", id="case"),
        pytest.param("Mailbox " + "a" * 64 + "@x.test", "Mailbox b@y.test", id="longest address"),
        pytest.param(f"Plan '{'a b' * 85}' is gone", "Plan 'A' is gone", id="longest name"),
    ],
)
def test_same_fault(one: str, other: str) -> None:
    """What differs between machines does not tell faults apart."""
    assert told(reason=one).fingerprint == told(reason=other).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"reason": "Access is refused", "code": "A", "domain": "D"},
        {"reason": "Access is denied", "code": "B", "domain": "D"},
        {"reason": "Access is denied", "code": "A", "domain": "E"},
    ],
)
def test_other_fault(other: dict[str, Any]) -> None:
    """Domain, code and message each tell faults apart."""
    first = told(reason="Access is denied", code="A", domain="D").fingerprint

    assert len(first) == 16
    assert told(**other).fingerprint != first


@pytest.mark.parametrize(
    "run",
    ["a", " 'a", '"', "“a", "«", "a.", "a@", "0x", "1,", "C:", "/", "\\", "0a", "00000000-"],
)
def test_endless_text(run: str) -> None:
    """Texts are told apart by their first 1,024 characters, so that none takes long to read."""
    text = (run * 1024)[:1024]

    assert told(reason=text + run * 20_000).fingerprint == told(reason=text).fingerprint
    assert told(reason=text + "?").fingerprint == told(reason=text).fingerprint
