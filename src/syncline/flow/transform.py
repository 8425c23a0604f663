"""`transform: tidy.py:tidy` → a row's fields through a function of the user's own, one row at a time.

The function is given the row as a dict of plain values and returns a dict, the same one or another. A value that it
leaves alone keeps its exact text, digits included; an empty cell is "" to it, and stays an empty cell unless it is set.
Numbers are int and float (Decimal beyond 1.8e308). What it gives must have a place in JSON; dates and decimals do.
"""

from __future__ import annotations

import inspect
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import msgspec

from syncline.errors import ConfigRefused, Problem, Unfit, said

_DEPTH = 64  # lists and objects inside each other, as in a row of a file
_SCALARS = frozenset({str, int, float, bool, type(None), Decimal, datetime, date, time})
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_decimals = msgspec.json.Decoder(float_hook=Decimal)

Function = Callable[[dict[str, object]], object]


class Transform:
    """Fields → fields, by `function`, which stands in the file at `path`. Raises `Unfit`, never with a value in it."""

    def __init__(self, function: Function, path: Path) -> None:
        self._function, self._path = function, path

    def __call__(self, fields: Mapping[str, msgspec.Raw]) -> Mapping[str, msgspec.Raw]:
        before = {name: _decoded(name, raw) for name, raw in fields.items()}
        # A list or an object may be changed where it stands, so being the same object does not prove it untouched.
        nested = {name: _ENCODER.encode(value) for name, value in before.items() if isinstance(value, (list, dict))}
        after: dict[str, msgspec.Raw] = {}
        for name, value in self._called(before.copy()).items():
            if name in before and value is before[name] and name not in nested:
                after[name] = fields[name]
                continue
            text = _encoded(name, value)
            after[name] = fields[name] if text == nested.get(name) else msgspec.Raw(text)
        return after

    def _called(self, row: dict[str, object]) -> dict[str, object]:
        try:
            after = self._function(row)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever the user's own code raises
            line = _line_in(self._path, error)
            place = f" at {self._path.name}:{line}" if line else ""
            raise _failed(f"transform raised {type(error).__name__}{place}") from None
        if after is None:
            raise _failed("transform returned None; expected a dict: let the function end with `return row`")
        if not isinstance(after, dict):
            raise _failed(f"transform returned a value of type {type(after).__name__}; expected a dict")
        return after


def load_transform(path: Path, function: str) -> Transform:
    """The function of this name in the file, which may import what is installed, but not the files beside it.

    Raises `ConfigRefused`.
    """
    found = vars(_module(path)).get(function)
    if found is None:
        raise _refused(path, 0, f"there is no {function} in it", f"a function {function}(row) that returns a dict")
    if not callable(found) or not _takes_one(found):
        raise _refused(path, 0, f"{function} cannot be called with one argument", f"def {function}(row)")
    if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found) or inspect.isgeneratorfunction(found):
        raise _refused(path, 0, f"{function} is async or yields", f"def {function}(row) that returns a dict")
    return Transform(found, path)


def _module(path: Path) -> ModuleType:
    """The file as a module, outside the import system: nothing shadows it, and nothing is written beside it."""
    if not path.is_file():
        raise _refused(path, 0, "there is no such file", "a Python file", "Check the path.")
    module = ModuleType(f"transform {path}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for the module they stand in
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102 # the user's own file, named in the user's own configuration
    except (Exception, SystemExit) as error:  # whatever the file does
        del sys.modules[module.__name__]
        line, what = _line_in(path, error), str(error)
        if isinstance(error, SyntaxError) and error.filename == str(path):
            line, what = error.lineno or 0, error.msg
        found = said(f"{type(error).__name__}: {what}")
        raise _refused(path, line, found, "a Python file that can be imported") from None
    return module


def _takes_one(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind({})
    except TypeError:
        return False
    except ValueError:  # compiled functions may not say what they take
        return True
    return True


def _line_in(path: Path, error: BaseException) -> int:
    """The line of the file that raised it, or called what did; 0 if the error arose elsewhere."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == str(path)]
    return lines[-1] if lines else 0


def _decoded(name: str, raw: msgspec.Raw) -> object:
    if not raw:
        return ""
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # a number beyond a double
        try:
            return _decimals.decode(raw)
        except ArithmeticError:
            raise _failed("a number beyond what Python can hold, which no function can be given", name) from None


def _encoded(name: object, value: object) -> bytes:
    if not isinstance(name, str):
        raise _failed(f"transform gave a field whose name is of type {type(name).__name__}; expected text")
    flaw = _flaw(value, 0)
    try:
        name.encode()
        text = b"" if flaw else _ENCODER.encode(value)
    except Exception as error:  # half a character, thousands of digits, a time zone of the user's own
        flaw = f"what cannot be written ({type(error).__name__})"
    if flaw:
        raise _failed(f"transform gave {flaw}; expected a value that JSON has", name)
    return text


def _flaw(value: object, depth: int) -> str:
    """What is wrong with a value, "" if nothing. A set is no value: without an order it would look new every time."""
    if (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, Decimal) and not value.is_finite()
    ):
        return "NaN or Infinity"
    if type(value) in _SCALARS:
        return ""
    if not isinstance(value, (list, tuple, dict)):
        return f"a value of type {type(value).__name__}"
    if depth == _DEPTH:
        return f"more than {_DEPTH} lists and objects inside each other"
    if isinstance(value, dict) and not all(isinstance(name, str) for name in value):
        return "an object with a name that is no text"
    inside = value.values() if isinstance(value, dict) else value
    return next(filter(None, (_flaw(item, depth + 1) for item in inside)), "")


def _failed(reason: str, field: str = "") -> Unfit:
    return Unfit(field[:40], reason, "transform-failed")


def _refused(path: Path, line: int, found: str, expected: str, fix: str = "") -> ConfigRefused:
    return ConfigRefused([Problem(str(path), line, 0, found, expected, fix)])
