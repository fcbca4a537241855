"""Breaking changes between two OpenAPI documents, as a caller meets them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_ANY = float("inf")
_SCHEME_KEYS = ("type", "scheme", "in", "name")


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return a sentence for each change after which a client of `old` may fail with `new`."""
    return list(_Comparison(old, new).run())


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, bool]] = set()

    def run(self) -> Iterator[str]:
        before, after = _schemes(self._old), _schemes(self._new)
        for name in before.keys() & after.keys():
            if any(before[name].get(key) != after[name].get(key) for key in _SCHEME_KEYS):
                yield f"{name}: is another way to sign a request"
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
        yield from self._ways(place, old, new)
        yield from self._parameters(place, old, new)
        yield from self._body(place, old.get("requestBody", {}), new.get("requestBody", {}))
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

    def _ways(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        """Compare how a request may be signed; one that needs no more than before still may."""
        after = _ways(self._new, new)
        for way in _ways(self._old, old):
            if not any(other <= way for other in after):
                yield f"{place}: is not answered with {_words(way) or 'no key'}"

    def _body(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if old and not new:
            yield f"{place}: the body is gone"
        if new.get("required") and not old.get("required"):
            yield f"{place}: a body is required"
        after = new.get("content", {})
        for media, content in old.get("content", {}).items() if new else ():
            told = f"{place} body"
            if media not in after:
                yield f"{told}: {media} is gone"
            else:
                yield from self._schema(told, content["schema"], after[media]["schema"], asked=True)

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
                for word in ("style", "explode"):
                    if was.get(word) != parameter.get(word):
                        yield f"{told}: {word} was {was.get(word)}, is {parameter.get(word)}"
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
        """Compare the choices; a type that went or came with its choice shows in the types."""
        if "anyOf" not in old and "anyOf" not in new:
            return
        before, after = _choices(self._old, old), _choices(self._new, new)
        for key in before.keys() & after.keys():
            yield from self._schema(place, before[key], after[key], asked=asked)
        types = _types(self._old, old) & _types(self._new, new)
        lost, more = before.keys() - after.keys(), after.keys() - before.keys()
        for *words, form in lost if asked else more:
            if types.issuperset(words):
                change = "takes no such" if asked else "may be a further"
                yield f"{place}: {change} {' '.join([*words, form]).strip()}"


def _schemes(document: Schema) -> Mapping[str, Schema]:
    found: Mapping[str, Schema] = document["components"].get("securitySchemes", {})
    return found


def _ways(document: Schema, operation: Schema) -> list[set[str]]:
    """Return the sets of schemes of which one is enough; the empty one for no key."""
    ways = operation.get("security", document.get("security", ()))
    return [set(way) for way in ways if set(way) <= _schemes(document).keys()] or [set()]


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


def _choices(document: Schema, schema: Schema) -> dict[tuple[str, ...], Schema]:
    return {_key(document, choice): choice for choice in schema.get("anyOf", (schema,))}


def _key(document: Schema, schema: Schema) -> tuple[str, ...]:
    return (*sorted(_types(document, schema)), schema.get("format", ""))


def _enum(place: str, old: Schema, new: Schema, *, asked: bool) -> Iterator[str]:
    """A closed set may not lose words that are asked, nor gain words that are told."""
    before, after = old.get("enum"), new.get("enum")
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
    narrow, wide = (new, old) if asked else (old, new)
    step = narrow.get("multipleOf", 0)
    if step and (wide.get("multipleOf", step / 2) % step):
        yield f"{place}: multipleOf was {old.get('multipleOf')}, is {new.get('multipleOf')}"
    if asked and new.get("pattern") not in (None, old.get("pattern")):
        yield f"{place}: pattern was {old.get('pattern')}, is {new['pattern']}"


def _words(types: Iterable[str]) -> str:
    return " or ".join(sorted(types))
