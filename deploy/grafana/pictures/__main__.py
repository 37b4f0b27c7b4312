"""Draws the boards as they would look over a Prometheus: `python -m deploy.grafana.pictures`."""

import argparse
import io
import sys
import time
from pathlib import Path

import httpx
from PIL import Image

from deploy.grafana.boards import BOARDS
from deploy.grafana.pictures.canvas import Canvas
from deploy.grafana.pictures.page import draw
from deploy.grafana.pictures.prometheus import Prometheus, Range


def main() -> None:
    """Draw each board over the last minutes of a Prometheus, and save it as PNG."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", help="(%(default)s)")
    parser.add_argument("--minutes", type=float, default=15, help="(%(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    draw_all(options.prometheus, options.minutes, options.out)


def draw_all(address: str, minutes: float, out: Path) -> None:
    """Draw each board over the last minutes, into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    end = time.time()
    span = Range(end - 60 * minutes, end)
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        for board in BOARDS:
            path = out / f"{board.name}.png"
            save(draw(board.to_json(), Prometheus(client, span)), path)
            sys.stdout.write(f"{path}  {path.stat().st_size // 1000} kB\n")


def save(canvas: Canvas, path: Path) -> None:
    """Save few colours: a board has few, and the repository keeps every picture for ever."""
    whole = io.BytesIO()
    canvas.figure.savefig(whole, format="png", facecolor=canvas.figure.get_facecolor())
    image = Image.open(whole).convert("RGB")
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main()
