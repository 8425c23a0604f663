"""Why a run may end early: the reasons that the code gives are those that the docs explain."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from syncline.cli.ends import EXIT_CODES
from syncline.delivery import Halt
from syncline.flow.report import Report
from syncline.model import Outcome, Stop

HERE = Path(__file__).parents[1]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class Function(NamedTuple):
    """A function, and the names of its parameters, without `self`."""

    node: ast.AST
    name: str
    parameters: list[str]


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, FUNCTION):
            names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args) if arg.arg != "self"]
            yield Function(node, node.name, names)


def called(node: ast.AST) -> str:
    """`self.halt(…)` → "halt"."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def made(node: ast.AST) -> Iterator[ast.expr]:
    """What stands for the reason in each `Stop(…)`, and in each `{"reason": …, "retryAt": …}` below a node."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and called(one) == "Stop" and one.args:
            yield one.args[0]
        if isinstance(one, ast.Dict):
            pairs = zip(one.keys, one.values, strict=True)
            items = {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
            if {"reason", "retryAt"} <= items.keys():
                yield items["reason"]


def assigned(name: str, node: ast.AST) -> Iterator[str]:
    """The texts that a variable is given, also as one of several."""
    for one in ast.walk(node):
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Tuple) and isinstance(one.value, ast.Tuple):
            for target, value in zip(one.targets[0].elts, one.value.elts, strict=True):
                if getattr(target, "id", "") == name:
                    yield from texts([value])


def passed(function: Function, parameter: str, trees: Iterable[ast.AST]) -> Iterator[str]:
    """The texts that callers give for a parameter."""
    index = function.parameters.index(parameter)
    for tree in trees:
        for one in ast.walk(tree):
            if isinstance(one, ast.Call) and called(one) == function.name:
                yield from texts(one.args[index : index + 1])
                yield from texts(keyword.value for keyword in one.keywords if keyword.arg == parameter)


def of_classes(name: str, trees: Iterable[ast.AST]) -> Iterator[str]:
    """The texts that classes have under this name."""
    for one in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(one, ast.ClassDef):
            bodies = (line for line in one.body if isinstance(line, ast.Assign))
            yield from texts(line.value for line in bodies if getattr(line.targets[0], "id", "") == name)


def texts(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def reasons() -> set[str]:
    """Those that stand in the code, wherever they are put together; what only hands one on adds none."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (HERE / "src").rglob("*.py")]
    found = {text for tree in trees for text in texts(made(tree))}
    for tree in trees:
        for function in functions(tree):
            for expression in made(function.node):
                if isinstance(expression, ast.Name) and expression.id in function.parameters:
                    callers = [tree] if function.name.startswith("_") else trees
                    found |= {*passed(function, expression.id, callers)}
                elif isinstance(expression, ast.Name):
                    found |= {*assigned(expression.id, function.node)}
                elif isinstance(expression, ast.Attribute):
                    found |= {*of_classes(expression.attr, trees)}
    return found | {inspect.signature(Halt.request).parameters["reason"].default, "terminated"}


def explained() -> list[str]:
    """The first cells of the table in docs/explanation/outcomes.md."""
    page = (HERE / "docs/explanation/outcomes.md").read_text(encoding="utf-8")
    table = page.partition("## Why a run stopped")[2].partition("\n## ")[0]
    return [
        word for cell in re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE) for word in re.findall(r"`(\w+)`", cell)
    ]


def test_each_reason_is_explained_once_with_what_to_do_and_no_other_is() -> None:
    assert sorted(explained()) == sorted(reasons())


def test_the_reference_of_json_names_the_same() -> None:
    page = (HERE / "docs/reference/json.md").read_text(encoding="utf-8")
    (cell,) = re.findall(r"^\| `reason` \| (`credentials`.*) \|$", page, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", cell)) == sorted(reasons())


@pytest.mark.parametrize("reason", sorted(reasons()))
def test_each_reason_has_an_exit_code_of_the_table(reason: str) -> None:
    counts = dict.fromkeys(Outcome, 0)
    code = Report(1, "stopped", 0, counts, 0, 0, 0.0, [], stopped=Stop(reason, "")).exit_code
    assert code == {"bug": 70, "interrupted": 130, "terminated": 143}.get(reason, 3)
    assert code in EXIT_CODES
