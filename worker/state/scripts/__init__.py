"""Lua scripts, each in a file of its own behind a typed function of the same name.

    @script
    def renew(redis: Redis, *, lease: str, token: str, ttl_ms: int) -> int: ...

`renew.lua` begins with the same names, its keys first; a name that ends in `...` takes the rest:

    -- KEYS: lease
    -- ARGV: token ttl_ms

Header and signature are checked against each other when the function is made, at import. In the script the
names are locals, and so is `now_ms()`, by Redis' clock. `-- WITH: name` puts the functions of `name.lua`
before it. A script given to a pipeline is queued there.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.resources import files
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_PRELUDE = """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""


class ScriptMismatch(TypeError):
    """A script's header and its function's signature name different things."""


def script(function: Callable[P, R]) -> Callable[P, R]:
    """The function whose body is the Lua file of its name. Raises ScriptMismatch."""
    name = function.__name__
    source = _source(name)
    keys, arguments = _header(source, "KEYS"), _header(source, "ARGV")
    wanted = [*keys, *(argument.removesuffix("...") for argument in arguments)]
    given = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    if wanted != given:
        raise ScriptMismatch(f"{name}.lua names {wanted}, {name}() takes {given}")
    text = _locals("KEYS", keys) + _locals("ARGV", arguments) + _PRELUDE
    text += "".join(map(_source, _header(source, "WITH"))) + source

    @wraps(function)
    def run(*args: P.args, **values: P.kwargs) -> R:
        redis: Any = args[0]
        passed: list[object] = []
        for argument in (*keys, *arguments):
            value = values[argument.removesuffix("...")]
            passed += value if argument.endswith("...") and isinstance(value, Sequence) else [value]
        # By name: redis-py refuses `eval` in a pipeline of a cluster, though one slot holds the keys.
        answer: R = redis.execute_command("EVAL", text, len(keys), *passed)
        return answer

    return run


def _source(name: str) -> str:
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def _header(source: str, kind: str) -> list[str]:
    found = re.search(rf"^-- {kind}:(.*)$", source, re.MULTILINE)
    return found[1].split() if found else []


def _locals(table: str, names: Sequence[str]) -> str:
    lines = ""
    for number, name in enumerate(names, 1):
        value = f"{{unpack({table}, {number})}}" if name.endswith("...") else f"{table}[{number}]"
        lines += f"local {name.removesuffix('...')} = {value}\n"
    return lines
