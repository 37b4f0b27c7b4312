"""Places things on a picture by pixels from its upper left corner, as a browser does."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

DPI = 100
TEXT, FAINT, EDGE, PAPER, GROUND = "#24292e", "#6e7680", "#d8d9da", "#ffffff", "#f4f5f5"
COLOURS: Mapping[str, str] = {
    "green": "#56a64b",
    "orange": "#ff780a",
    "red": "#e02f44",
    "blue": "#3274d9",
    "text": TEXT,
    "transparent": PAPER,
}
PALETTE = (
    *("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0"),
    *("#508642", "#cca300", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477"),
)
# A letter's width by its size in points, in a usual sans-serif font.
LETTER = 0.78


class Canvas:
    """A picture of some size in pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=GROUND)

    def box(self, x: float, y: float, w: float, h: float, colour: str, edge: str = "none") -> None:
        corner = (x / self.width, 1 - (y + h) / self.height)
        size = (w / self.width, h / self.height)
        patch = Rectangle(
            corner, *size, facecolor=colour, edgecolor=edge, linewidth=0.8,
            transform=self.figure.transFigure, zorder=-1,
        )  # fmt: skip
        self.figure.add_artist(patch)

    def text(self, x: float, y: float, words: str, size: float = 8, **style: Any) -> None:
        style = {"color": TEXT, "va": "center"} | style
        # Matplotlib reads dollars as mathematics.
        words = words.replace("$", r"\$")
        self.figure.text(x / self.width, 1 - y / self.height, words, fontsize=size, **style)

    def axes(self, x: float, y: float, w: float, h: float) -> Axes:
        place = (x / self.width, 1 - (y + h) / self.height, w / self.width, h / self.height)
        made: Axes = self.figure.add_axes(place)
        for spine in made.spines.values():
            spine.set_visible(False)
        made.tick_params(labelsize=7.5, colors=FAINT, length=0, pad=3)
        made.set_facecolor("none")
        return made


def cut(words: str, pixels: float, size: float = 8) -> str:
    """Return as much of the words as there is room for."""
    letters = int(pixels / (size * LETTER))
    return words if len(words) <= letters else words[: max(letters - 1, 0)].rstrip() + "…"


def length(words: str, size: float = 8) -> float:
    """Return about how many pixels the words take."""
    return len(words) * size * LETTER
