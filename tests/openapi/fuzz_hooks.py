"""What Schemathesis must know of the service beyond its document; loaded by schemathesis.toml."""

from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.checks import CheckContext
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

# Mistakes between parameters, in a signature or in a calendar, where no schema sees them.
BEYOND_SCHEMA = {
    "conflicting-parameters",
    "cursor-malformed",
    "cursor-mismatch",
    "invalid-parameter",
    "too-many-ids",
}
# A year in which no platform's time can lie, and a path whose answers nobody keeps.
BEYOND_PLATFORM = ("'0001-", "No kept answer has this path.")
SET_ASIDE = {
    # The platform refuses words that it doesn't know, and its refusal is passed on as a failure.
    "state",
    "result",
    "priority",
    # It takes required keys out of the answer, which no schema of the whole answer can say.
    "fields",
}
# What a walk keeps of its first question.
STAYING = {"account", "include", "limit", "sort", "view"}
ACCOUNTS = ["eu2", "us4"]
SIGNED_MIN = 40
TARGET_MAX = 32_768


@schemathesis.hook
def before_load_schema(_: HookContext, raw_schema: dict[str, Any]) -> None:
    """Name the accounts that exist, and leave it to the key of the run to let everything in.

    Who guesses keys is throttled by address, and would take all other cases along.
    """
    raw_schema.pop("security", None)
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
            parameters = [
                parameter
                for parameter in operation.get("parameters", ())
                if parameter["name"] not in SET_ASIDE
            ]
            for parameter in parameters:
                if parameter["name"] == "account":
                    parameter["schema"]["items"] = {"type": "string", "enum": ACCOUNTS}
            operation["parameters"] = parameters


@schemathesis.check
def refused_for_a_reason(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """A request that the document allows is refused only for what a schema can't say."""
    if response.status_code == 400 and _is_positive(case):
        problem = response.json()
        told = problem["detail"]
        known = any(words in told for words in BEYOND_PLATFORM)
        assert known or problem["code"] in BEYOND_SCHEMA, told


@schemathesis.check
def timed_out_as_promised(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """Only `cached_only` may find nothing in time: the platform of these tests is quick."""
    if response.status_code == 504:
        told = response.json()
        assert told["code"] == "not-cached", told["detail"]
        assert "cached_only" in (case.query or {})


@schemathesis.hook
def filter_case(_: HookContext, case: Case[Any]) -> bool:
    """Leave out targets that are too long for any HTTP server to read."""
    return len(urlencode(case.query or {}, doseq=True)) < TARGET_MAX


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    """Walk on with the cursor alone, as a caller does, and begin where there is something."""
    if case.meta is None or case.meta.phase.name is not TestPhase.STATEFUL:
        return
    query = case.query or {}
    if _is_positive(case) and len(query.get("cursor", "")) > SIGNED_MIN:
        case.query = {"cursor": query["cursor"], "limit": 5}
    elif _is_positive(case):
        # Few tasks pass a dozen filters; the other phases try those.
        case.query = {name: value for name, value in query.items() if name in STAYING}


def _is_positive(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
