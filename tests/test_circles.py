"""No module of the package imports itself in a circle, imports inside functions included; those for type checkers alone are not
counted. The floors (import-linter, pyproject.toml) say which package may import which; this says the same of single modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import xstilts

ROOT = Path(xstilts.__file__).parent


def module_name(path: Path) -> str:
    return ".".join(("xstilts", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from imports(child)


def targets(statement: ast.Import | ast.ImportFrom, modules: set[str]) -> Iterator[str]:
    """The modules that a statement imports. `from package import name` means the module of that name where there is one."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names if alias.name in modules)
    elif statement.module in modules:
        for alias in statement.names:
            inner = f"{statement.module}.{alias.name}"
            yield inner if inner in modules else str(statement.module)


def test_no_module_imports_itself_in_a_circle() -> None:
    files = {module_name(path): path for path in ROOT.rglob("*.py")}
    graph = {
        name: {x for found in imports(ast.parse(path.read_text(encoding="utf-8"))) for x in targets(found, set(files))}
        for name, path in files.items()
    }
    assert sum(map(len, graph.values())) > 500, "or the imports were not found"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None
