"""`transform: rules.py:clean` → the file and the function, or why it is not there. The file is read, and never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from syncline.config.findings import Describer, Finding, Wrong, closest
from syncline.config.findings import Path as KeyPath
from syncline.config.parse import Unreadable
from syncline.config.read import PYTHON, read
from syncline.config.values import split_transform

_HERE: KeyPath = ("transform",)
_MANY = 5  # so many names a message lists


class Transform(NamedTuple):
    """A function of a Python file. path: absolute."""

    path: Path
    function: str


def located(text: str, directory: Path) -> Transform:
    """Where the function lives. Raises Wrong for what has not the form of one."""
    file, function = split_transform(text)
    return Transform(directory / file, function)


def check_transform(text: object, directory: Path, tell: Describer) -> Iterator[Finding]:
    """Why the function is not there. What has not the form of one is left to the model."""
    if not isinstance(text, str):
        return
    try:
        path, function = located(text, directory)
        names = _names(read(path, PYTHON).text)
    except Wrong:
        return
    except Unreadable as fault:
        yield Finding(_HERE, f"{tell.is_(_HERE, text)}: {fault.found}", fault.expected, fault.fix)
        return
    kind = names.get(function, "nothing of that name" if "*" not in names else "")
    if kind:
        found = f"{tell.is_(_HERE, text)}: {kind}"
        yield Finding(_HERE, found, "a function of that name in the file", _fix(kind, function, names, tell))


def _fix(kind: str, function: str, names: dict[str, str], tell: Describer) -> str:
    if kind.startswith("an async"):
        return "Write `def` instead of `async def`; it is called for one row after another."
    functions = [name for name, kind in names.items() if not kind]
    if near := closest(function, functions):
        return f"Did you mean {tell.key(near)}?"
    if functions:
        return f"The file has {', '.join(map(tell.key, functions[:_MANY]))}."
    return "Define it: `def clean(row): return row`."


def _names(text: str) -> dict[str, str]:
    """The names that the file binds → "", or what they are where that is no function. Raises Unreadable."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about somebody's regular expressions, and on stderr
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        found = f"line {line} is no Python" if line else "the file is no Python"
        fix = "Mend it; `python -m py_compile` says more about it."
        raise Unreadable((0, 0), found, PYTHON.kind, fix) from None
    return dict(_bound(tree.body))


def _bound(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    """What each statement binds, in order: of two with one name, the later counts. A star stands for anything."""
    for statement in statements:
        match statement:
            case ast.FunctionDef(name=name):
                yield name, ""
            case ast.AsyncFunctionDef(name=name):
                yield name, "an async function"
            case ast.ClassDef(name=name):
                yield name, "a class"
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                yield from ((one.asname or one.name.partition(".")[0], "") for one in imported)
            case ast.Assign(targets=targets):
                named = (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
                yield from ((node.id, "") for node in named)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                yield name, ""
            case _:
                yield from _bound(_inner(statement))


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements that an if, try, with, loop or match holds: they bind in the file, too."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body
