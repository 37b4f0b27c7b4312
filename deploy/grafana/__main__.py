"""Writes the dashboards for Grafana: `python -m deploy.grafana`, after a change of this folder."""

import json
from pathlib import Path

from deploy.grafana.board import Board
from deploy.grafana.boards import BOARDS

FOLDER = Path(__file__).parents[2] / "docker/grafana/dashboards"


def write(board: Board) -> str:
    """Return a board as the text of its file."""
    return json.dumps(board.to_json(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    for board in BOARDS:
        (FOLDER / f"{board.name}.json").write_text(write(board))


if __name__ == "__main__":
    main()
