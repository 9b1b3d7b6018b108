"""The JSON Schema of a function's parameters, from its signature and type hints."""
# pyright: basic, reportUndefinedVariable=false, reportAttributeAccessIssue=false
# ruff: noqa


def _edgemesh_signature(name):
    import collections.abc
    import inspect
    import json
    import types
    import typing

    plain = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
    lists = (list, collections.abc.Sequence, collections.abc.Iterable)
    dicts = (dict, collections.abc.Mapping)
    depth = 0

    def schema(hint):
        """A schema of a hint; {} where it says nothing that JSON could be held to."""
        nonlocal depth
        depth += 1
        try:
            return _schema(hint) if depth < 20 else {}
        finally:
            depth -= 1

    def _schema(hint):
        if hint is None:
            return {"type": "null"}
        if isinstance(hint, type) and hint in plain:
            return {"type": plain[hint]}
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            said = [each for each in args[1:] if isinstance(each, str)]
            return schema(args[0]) | ({"description": said[0][:1000]} if said else {})
        if origin is typing.Literal:
            values = [each for each in args if each is None or type(each) in plain]
            return {"enum": values} if len(values) == len(args) else {}
        if origin in (typing.Union, types.UnionType):
            kinds = [schema(each) for each in args]
            return {"anyOf": kinds} if all(kinds) else {}
        kind = origin or hint
        if kind in lists:
            items = schema(args[0]) if args else {}
            return {"type": "array"} | ({"items": items} if items else {})
        if kind in dicts:
            if args and args[0] is not str:
                return {}
            values = schema(args[1]) if args else {}
            return {"type": "object"} | ({"additionalProperties": values} if values else {})
        if typing.is_typeddict(hint):
            fields = typing.get_type_hints(hint, include_extras=True)
            return {
                "type": "object",
                "properties": {key: schema(each) for key, each in fields.items()},
                "required": sorted(hint.__required_keys__),
            }
        return {}

    def is_tensor(hint):
        import numpy

        if typing.get_origin(hint) is typing.Annotated:
            return is_tensor(typing.get_args(hint)[0])
        kind = typing.get_origin(hint) or hint
        return isinstance(kind, type) and issubclass(kind, (numpy.ndarray, bytes))

    function = globals().get(name)
    if not callable(function):
        known = [
            key
            for key, each in globals().items()
            if inspect.isfunction(each) and not key.startswith("_")
        ]
        return {
            "error": f"a function of the code, which has {', '.join(sorted(known)[:20]) or 'none'}"
        }
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return {"error": "a function whose parameters can be told"}
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:
        hints = {}
    properties, required, tensors, more = {}, [], [], False
    for key, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            more = True
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        needed = parameter.default is parameter.empty
        if parameter.kind is parameter.POSITIONAL_ONLY:
            if needed:
                return {"error": f"a function whose parameters can be given by name, {key} too"}
            continue
        hint = hints.get(key, parameter.empty)
        if hint is not parameter.empty and is_tensor(hint):
            tensors.append([key, needed])
            continue
        properties[key] = {} if hint is parameter.empty else schema(hint)
        if not needed:
            try:
                text = json.dumps(parameter.default, allow_nan=False)
                if len(text) < 1000 and json.loads(text) == parameter.default:
                    properties[key]["default"] = parameter.default
            except (TypeError, ValueError, RecursionError):
                pass
        elif hint is not parameter.empty:
            required.append(key)
    result = schema(hints["return"]) if "return" in hints else {}
    return {
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": more,
        },
        "result": result,
        "tensors": tensors,
        "description": (inspect.getdoc(function) or "")[:4096],
    }


output = _edgemesh_signature(inputs["entry_point"])
