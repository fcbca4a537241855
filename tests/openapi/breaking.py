"""Breaking changes between two OpenAPI documents, as a caller meets them."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
OPEN = "x-extensible-enum"
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_ANY = float("inf")


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return a sentence for each change after which a client of `old` may fail with `new`."""
    return list(_Comparison(old, new).run())


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, bool]] = set()

    def run(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, operation in methods.items():
                now = self._new["paths"].get(path, {}).get(method)
                place = f"{method.upper()} {path}"
                if now is None:
                    yield f"{place}: is gone"
                else:
                    yield from self._operation(place, operation, now)

    def _operation(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{place}: its operationId was {old['operationId']}"
        yield from self._parameters(place, old, new)
        for status, response in old["responses"].items():
            if (now := new["responses"].get(status)) is None:
                yield f"{place}: status {status} is gone"
                continue
            for name in response.get("headers", {}).keys() - now.get("headers", {}).keys():
                yield f"{place}: header {name} of {status} is gone"
            for media, content in response.get("content", {}).items():
                told = f"{place} {status}"
                if media not in now.get("content", {}):
                    yield f"{told}: {media} is gone"
                else:
                    yield from self._schema(
                        told, content["schema"], now["content"][media]["schema"], asked=False
                    )

    def _parameters(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = _parameters(old), _parameters(new)
        for key in before.keys() - after.keys():
            yield f"{place}: parameter {key[1]} is gone"
        for key, parameter in after.items():
            was = before.get(key)
            if parameter.get("required") and not (was and was.get("required")):
                yield f"{place}: parameter {key[1]} is required"
            if was is not None:
                told = f"{place} ?{key[1]}"
                yield from self._schema(told, was["schema"], parameter["schema"], asked=True)

    def _schema(self, place: str, old: Schema, new: Schema, *, asked: bool) -> Iterator[str]:
        """Compare what is `asked` of a caller, which may widen, or told to one: may narrow."""
        if "$ref" in old:
            if (old["$ref"], asked) in self._seen:
                return
            self._seen.add((old["$ref"], asked))
            place = old["$ref"].rpartition("/")[2]
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        if (was := _types(self._old, old)) != (now := _types(self._new, new)):
            lost, more = was - now, now - was
            if (lost if asked else more) or not was & now:
                yield f"{place}: was {_words(was)}, is {_words(now)}"
        yield from _enum(place, old, new, asked=asked)
        yield from _bounds(place, old, new, asked=asked)
        yield from self._fields(place, old, new, asked=asked)
        if "items" in old and "items" in new:
            yield from self._schema(f"{place}[]", old["items"], new["items"], asked=asked)
        yield from self._choices(place, old, new, asked=asked)

    def _fields(self, place: str, old: Schema, new: Schema, *, asked: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before.keys() - after.keys():
            yield f"{place}.{name}: is gone"
        required = set(new.get("required", ())) - set(old.get("required", ()))
        dropped = set(old.get("required", ())) - set(new.get("required", ()))
        for name in required if asked else dropped & after.keys():
            yield f"{place}.{name}: is {'required' if asked else 'not always there'}"
        for name in before.keys() & after.keys():
            yield from self._schema(f"{place}.{name}", before[name], after[name], asked=asked)

    def _choices(self, place: str, old: Schema, new: Schema, *, asked: bool) -> Iterator[str]:
        """Compare the choices of one type; a choice that went or came shows in the types."""
        after = {_key(self._new, choice): choice for choice in new.get("anyOf", ())}
        for choice in old.get("anyOf", ()):
            if (now := after.get(_key(self._old, choice))) is not None:
                yield from self._schema(place, choice, now, asked=asked)


def _parameters(operation: Schema) -> dict[tuple[str, str], Schema]:
    return {(each["in"], each["name"]): each for each in operation.get("parameters", ())}


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _types(document: Schema, schema: Schema) -> set[str]:
    """Return the JSON types that a value may have; an integer is told from a number."""
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        return {word for choice in schema["anyOf"] for word in _types(document, choice)}
    named = schema.get("type", "anything")
    return set(named) if isinstance(named, list) else {named}


def _key(document: Schema, schema: Schema) -> tuple[str, ...]:
    return (*sorted(_types(document, schema)), schema.get("format", ""))


def _enum(place: str, old: Schema, new: Schema, *, asked: bool) -> Iterator[str]:
    """A closed set may not lose words that are asked, nor gain words that are told."""
    before, after = old.get("enum"), new.get("enum")
    if OPEN in new or before is after is None:
        return
    if asked and after is not None:
        if before is None:
            yield f"{place}: takes only {', '.join(map(str, after))}"
        for word in before or ():
            if word not in after:
                yield f"{place}: {word} is gone"
    if not asked and before is not None:
        for word in set(after or ("any word",)) - set(before):
            yield f"{place}: may be {word}"


def _bounds(place: str, old: Schema, new: Schema, *, asked: bool) -> Iterator[str]:
    sign = 1 if asked else -1
    for names, widest, tighter in ((LOWER, -_ANY, sign), (UPPER, _ANY, -sign)):
        for name in names:
            was, now = old.get(name, widest), new.get(name, widest)
            if (now - was) * tighter > 0:
                yield f"{place}: {name} was {old.get(name)}, is {new.get(name)}"
    if asked and new.get("pattern") not in (None, old.get("pattern")):
        yield f"{place}: pattern was {old.get('pattern')}, is {new['pattern']}"


def _words(types: set[str]) -> str:
    return " or ".join(sorted(types))
