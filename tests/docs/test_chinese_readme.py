"""README.zh-CN.md says what README.md says: the same commands, figures, fields and links."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in (ENGLISH, CHINESE)}
BLOCK = re.compile(r"```\w+\n.*?```", re.DOTALL)


def sections(name: str) -> list[str]:
    """Return what stands under each heading, the title's first."""
    text = PAGES[name].replace(f"]({CHINESE})", "").replace(f"]({ENGLISH})", "")
    outside = BLOCK.sub(lambda block: block[0].replace("\n#", "\n "), text)
    return re.split(r"^#+ .*\n", outside, flags=re.MULTILINE)[1:]


def blocks(section: str) -> list[str]:
    return BLOCK.findall(section)


def commands(section: str) -> Counter[str]:
    """Count the names and commands that stand in a sentence or a cell, as code."""
    return Counter(re.findall(r"`([^`\n]+)`", BLOCK.sub("", section)))


def figures(text: str) -> Counter[str]:
    """Count the numbers of a text; those of names such as int8 and WNUT-16 are no figures."""
    found = re.findall(r"(?<![A-Za-z\d-])\d[\d.,]*", BLOCK.sub("", text))
    return Counter(number.rstrip(".,") for number in found)


def links(section: str) -> Counter[str]:
    return Counter(re.findall(r"\]\(([^)]+)\)|<(https?://[^>]+)>", section))


def rows(section: str) -> list[list[Counter[str]]]:
    """Return the figures of each cell of each row of the tables."""
    lines = re.findall(r"^\|(.*)\|$", BLOCK.sub("", section), re.MULTILINE)
    return [[figures(cell) for cell in line.split(" | ")] for line in lines]


def test_both_have_the_same_number_of_sections() -> None:
    assert len(sections(ENGLISH)) == len(sections(CHINESE)) > 1


@pytest.mark.parametrize("what", [blocks, commands, rows, figures, links])
def test_each_section_has_the_same(what: Callable[[str], object]) -> None:
    for english, chinese in zip(sections(ENGLISH), sections(CHINESE), strict=True):
        assert what(chinese) == what(english)


def test_each_leads_to_the_other_before_its_first_sentence() -> None:
    for name, other in ((ENGLISH, CHINESE), (CHINESE, ENGLISH)):
        assert f"]({other})" in PAGES[name].splitlines()[2]
