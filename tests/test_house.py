"""The house rules that no linter knows: small folders, and one name for one thing."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "app",
    "offline",
    "export",
    "training",
    "demo",
    "benchmarks",
    "classmark",
    "score",
    "report",
    "deploy",
)
MOST_MODULES = 12


def modules(package: str) -> list[Path]:
    """Return a package's modules, but for the peers' applications: each is a program of its own."""
    found = sorted((ROOT / package).rglob("*.py"))
    return [path for path in found if path.name != "__init__.py" and "peers" not in path.parts]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_has_more_modules_than_one_can_take_in(package: str) -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in modules(package))
    crowded = {str(folder): n for folder, n in counts.items() if n > MOST_MODULES}
    assert not crowded, f"the limit is {MOST_MODULES} modules a folder; make rooms of these"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_class_name_stands_for_two_things_in_a_package(package: str) -> None:
    names: dict[str, list[str]] = {}
    for path in modules(package):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                names.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: places for name, places in names.items() if len(places) > 1}
