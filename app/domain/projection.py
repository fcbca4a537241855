"""Which keys of an object are answered: names read off its schema, and the cut of one object."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

Cut: TypeAlias = Callable[[Any], dict[str, Any]]
_Tree: TypeAlias = dict[str, "_Tree"]


def names_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return the dotted names of the keys that `kind` always has; a list's are its elements'."""
    return frozenset(_names(kind))


def canonical(names: Iterable[str]) -> tuple[str, ...]:
    """Return names sorted, with `id`, and without those below another of them."""
    found = {*names, "id"}
    return tuple(
        sorted(name for name in found if "." not in name or found.isdisjoint(_above(name)))
    )


def projection(kind: type[msgspec.Struct], fields: Iterable[str]) -> Cut:
    """Return what cuts an object of `kind` down to `fields`, which `names_of` it has.

    Keys come in the order of the schema. Opt-in keys stay when they are there, and objects of the
    same kind in them are cut likewise. Whole parts stay structs, which msgspec encodes.
    """
    tree: _Tree = {}
    for name in fields:
        branch = tree
        for step in name.split("."):
            branch = branch.setdefault(step, {})
    return _cut(kind, tree)


def _cut(kind: type[msgspec.Struct], tree: _Tree) -> Cut:
    names = [name for name in _documented(kind) if name in tree]
    parts = _parts(kind)
    inner = [(name, _cut(parts[name], tree[name])) for name in names if tree[name]]
    opt_in = [name for name in kind.__struct_fields__ if name not in _documented(kind)]
    # `attrgetter` of one name returns no tuple; with the class it is always two or more.
    values_of = attrgetter(*names, "__class__")

    def cut(item: Any) -> dict[str, Any]:
        found = dict(zip(names, values_of(item), strict=False))
        for name, cut_part in inner:
            value = found[name]
            if isinstance(value, tuple):
                found[name] = [cut_part(each) for each in value]
            elif value is not None:
                found[name] = cut_part(value)
        for name in opt_in:
            value = getattr(item, name)
            if value is not msgspec.UNSET:
                of_own_kind = parts.get(name) is kind
                found[name] = [cut(each) for each in value] if of_own_kind else value
        return found

    return cut


def _names(kind: type[msgspec.Struct]) -> Iterator[str]:
    parts = _parts(kind)
    for name in _documented(kind):
        yield name
        if name in parts:
            yield from (f"{name}.{below}" for below in _names(parts[name]))


@cache  # a handful of classes
def _documented(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the keys that are always there; those that may be unset are opt-in."""
    fields = msgspec.structs.fields(kind)
    return tuple(field.name for field in fields if field.default is not msgspec.UNSET)


@cache  # a handful of classes
def _parts(kind: type[msgspec.Struct]) -> Mapping[str, type[msgspec.Struct]]:
    """Return the struct that a field holds, alone, optional or in a list, for those that do."""
    found = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for part in _structs(hint):
            found[name] = part
    return found


def _structs(hint: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    elif get_origin(hint) is Annotated:
        yield from _structs(get_args(hint)[0])
    else:
        for each in get_args(hint):
            yield from _structs(each)


@cache  # the keys of a handful of classes
def _above(name: str) -> tuple[str, ...]:
    steps = name.split(".")
    return tuple(".".join(steps[:depth]) for depth in range(1, len(steps)))
