"""Components: modules whose functions have types of the component model.

    bool, s8 … u64, f32, f64, char, string    bool, int, float, str
    list, tuple; list<u8>                     list; bytes
    record; option                            dict by field; None or the value
    enum; flags                               str; list of str
    variant, result (given back only)         {"tag": …, "payload": …} where two cases could be
                                              mixed up, else the payload

Rules: what they import is WASI 0.2 alone, as Wasmtime itself has it, with nothing granted: no file,
no socket, no argument, an empty stdin; what they print is not collected. Resources do not cross.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import wasmtime
from wasmtime import component as model

from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.result import Outcome, Result

_MOST_NAMED = 20
_WASI = tuple(
    f"wasi:{part}/" for part in ("cli", "clocks", "filesystem", "io", "random", "sockets")
)
_INTEGERS: dict[type, tuple[int, int]] = {
    kind: (-(1 << bits - 1) if signed else 0, (1 << bits - signed) - 1)
    for bits, kinds in {
        8: (model.S8, model.U8), 16: (model.S16, model.U16),
        32: (model.S32, model.U32), 64: (model.S64, model.U64),
    }.items()
    for kind, signed in zip(kinds, (True, False), strict=True)
}  # fmt: skip


class Component:
    """A component, ready to be instantiated in any store of its engine."""

    instances = 64
    base_bytes = 0

    def __init__(self, engine: wasmtime.Engine, data: bytes) -> None:
        """Raises `InputError` for bytes that are no valid component, and for other imports."""
        self.engine = engine
        try:
            self._component = model.Component(engine, data)
        except wasmtime.WasmtimeError as error:
            reason = str(error).strip().splitlines()[-1].strip()[:400]
            raise InputError("module", f"a valid component; {reason}") from None
        kind = self._component.type
        wrong = [name for name in kind.imports(engine) if not name.startswith(_WASI)]
        if wrong:
            named = ", ".join(name[:64] for name in wrong[:_MOST_NAMED])
            raise InputError("module", f"it imports {named}; offered: {', '.join(_WASI)}*")
        self._functions = dict(_functions(kind.exports(engine), engine))
        self._linker = model.Linker(engine)
        self._linker.add_wasip2()
        self.nbytes = len(data) + len(self._component.serialize())

    def instantiate(self, store: wasmtime.Store) -> Mapping[str, Any]:
        """A new instance, by the name `instance`."""
        store.set_wasi(wasmtime.WasiConfig())
        return {"instance": self._linker.instantiate(store, self._component)}

    def invoke(
        self, name: str, args: Sequence[Any]
    ) -> Callable[[wasmtime.Store, Mapping[str, Any]], Result]:
        """Calls a function: `name`, or `interface#name`. Raises `InputError`."""
        kind = self._functions.get(name)
        if kind is None:
            known = ", ".join(name[:64] for name in list(self._functions)[:_MOST_NAMED]) or "none"
            raise InputError("function", f"no such export; functions: {known}")
        params = kind.params
        if len(params) != len(args):
            named = ", ".join(param for param, _ in params)
            wanted = f"{len(params)} values{f' ({named})' if named else ''}"
            raise InputError("args", f"{wanted}, not {len(args)}")
        given = [
            _lowered(each, value, f"args[{at}]")
            for at, ((_, each), value) in enumerate(zip(params, args, strict=True))
        ]

        def call(store: wasmtime.Store, exports: Mapping[str, Any]) -> Result:
            instance: model.Instance = exports["instance"]
            index: Any = None
            for part in name.split("#"):
                index = instance.get_export_index(store, part, index)
            function = instance.get_func(store, index)
            assert function is not None
            return Result(Outcome.OK, result=_lifted(function(store, *given)))

        return call


def _functions(exports: Mapping[str, Any], engine: wasmtime.Engine) -> Any:
    for name, export in exports.items():
        kind = export.ty
        if isinstance(kind, model.FuncType):
            yield name, kind
        elif isinstance(kind, model.ComponentInstanceType):
            for inner, each in kind.exports(engine).items():
                if isinstance(each.ty, model.FuncType):
                    yield f"{name}#{inner}", each.ty


def _lowered(kind: Any, value: Any, place: str) -> Any:
    """A value as the binding takes it. Raises `InputError`."""
    bounds = _INTEGERS.get(cast("type[Any]", type(kind)))
    if bounds is not None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InputError(place, f"an integer, not {_shown(value)}")
        if not bounds[0] <= value <= bounds[1]:
            raise InputError(place, f"{bounds[0]} to {bounds[1]}, not {_shown(value)}")
        return value
    if isinstance(kind, model.Bool):
        return _of(bool, value, place)
    if isinstance(kind, model.F32 | model.F64):
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InputError(place, f"a number, not {_shown(value)}")
        try:
            return float(value)
        except OverflowError:
            raise InputError(place, f"a number that fits, not {_shown(value)}") from None
    if isinstance(kind, model.String | model.Char):
        text = _of(str, value, place)
        if isinstance(kind, model.Char) and len(text) != 1:
            raise InputError(place, f"one character, not {len(text)}")
        return _encodable(text, place)
    return _compound(kind, value, place)


def _compound(kind: Any, value: Any, place: str) -> Any:
    if isinstance(kind, model.ListType):
        element = kind.element
        if isinstance(element, model.U8):
            return _of(bytes, value, place)
        values: list[Any] = _of(list, value, place)
        return [_lowered(element, v, f"{place}[{n}]") for n, v in enumerate(values)]
    if isinstance(kind, model.OptionType):
        return None if value is None else _lowered(kind.payload, value, place)
    if isinstance(kind, model.TupleType):
        elements, values = kind.elements, _of(list, value, place)
        if len(values) != len(elements):
            raise InputError(place, f"{len(elements)} values, not {len(values)}")
        pairs = enumerate(zip(elements, values, strict=True))
        return tuple(_lowered(each, v, f"{place}[{n}]") for n, (each, v) in pairs)
    if isinstance(kind, model.RecordType):
        fields, given = dict(kind.fields), _of(dict, value, place)
        if fields.keys() != given.keys():
            raise InputError(place, f"an object with {', '.join(fields)}")
        record = model.Record()
        for name, each in fields.items():
            setattr(record, name, _lowered(each, given[name], f"{place}.{name}"))
        return record
    if isinstance(kind, model.EnumType):
        if value not in kind.names:
            raise InputError(place, f"one of {', '.join(kind.names)}")
        return value
    if isinstance(kind, model.FlagsType):
        if not set(_of(list, value, place)) <= set(kind.names):
            raise InputError(place, f"some of {', '.join(kind.names)}")
        return set(value)
    raise InputError(place, f"nothing: values of {type(kind).__name__} cannot be given")


def _lifted(value: Any) -> Any:
    """A value of the binding's as JSON has it, but for bytes and floats."""
    if isinstance(value, model.Record):
        return {name: _lifted(each) for name, each in vars(value).items()}
    if isinstance(value, model.Variant):
        return {"tag": value.tag, "payload": _lifted(value.payload)}
    if isinstance(value, list | tuple):
        return [_lifted(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, set):
        return sorted(cast(set[str], value))
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return None  # a resource


def _of(kind: type[Any], value: Any, place: str) -> Any:
    if type(value) is not kind:
        raise InputError(place, f"of type {kind.__name__}, not {_shown(value)}")
    return value


def _encodable(text: str, place: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(place, "text without lone surrogates") from None
    return text


def _shown(value: Any) -> str:
    return type(value).__name__
