"""Docs tell of every setting, metric, route and folder there is."""

import re
from pathlib import Path

from app.main import create_app
from app.settings.settings import Settings
from export.options import compare_parser, export_parser

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]
DOCS = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
EVERYTHING = "\n".join(DOCS.values())


def test_every_setting_is_described_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `CLASSMARK_(\w+)` \| (\S+)", DOCS["configuration.md"], re.M))
    assert {name.lower() for name in rows} == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{str(field.default)}`"
        if isinstance(field.default, bool):
            default = default.lower()
        assert rows[name.upper()] == default, name


def test_no_setting_is_described_that_does_not_exist() -> None:
    named = set(re.findall(r"CLASSMARK_([A-Z_]+[A-Z])", EVERYTHING))
    others = {"GPU_PORT", "PUBLISH_ADDRESS", "API_KEY"}  # of compose files and of clients
    assert {name.lower() for name in named - others} <= set(Settings.model_fields)


def test_every_route_is_described(tmp_path: Path) -> None:
    routes = create_app(Settings(model_store=tmp_path)).openapi()["paths"]
    for route in routes:
        assert route in EVERYTHING, route


def test_the_architecture_is_short_and_its_map_shows_every_folder() -> None:
    text = DOCS["architecture.md"]
    assert len(text.splitlines()) <= 200
    folder_map = text.partition("## Folder map")[2].partition("## ")[0]
    assert len(folder_map.splitlines()) <= 30 + 4  # the heading's sentence and blank lines
    for package in ("app", "offline", "export", "training", "score", "demo", "benchmarks"):
        for folder in (ROOT / package).iterdir():
            if (folder / "__init__.py").exists():
                assert f"{folder.name}/" in folder_map, folder


def test_every_link_between_the_docs_leads_somewhere() -> None:
    for name, text in DOCS.items():
        folder = ROOT if name.startswith("README") else ROOT / "docs"
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (folder / target).exists(), f"{name}: {target}"


def test_the_changelog_knows_the_version() -> None:
    from app import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_every_flag_of_export_and_compare_is_described() -> None:
    for parser in (export_parser(), compare_parser()):
        for flag in re.findall(r"--[a-z][a-z-]+", parser.format_usage()):
            assert f"| `{flag}" in DOCS["export.md"], flag
