"""What each module may lean on: nodes have Ray, and only some have Classmark beside it."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "deploy/ray/classmark_ray"


def imported(module: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize("module", ["__main__", "placement", "server", "ports", "load"])
def test_placement_needs_ray_alone(module: str) -> None:
    assert imported(module) <= {"ray", "classmark_ray"}


def test_the_controller_gets_the_policy_without_anything_else() -> None:
    assert imported("scaling") == set()
