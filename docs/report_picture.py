"""Takes the picture of a daily report in the system's chromium: the end of `make opinion-surge`."""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from docs.screenshots import CHROMIUM, save


def main() -> None:
    """Open a report, and save the whole page as PNG."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="light")
        page.goto(options.report.resolve().as_uri())
        save(page.screenshot(full_page=True, animations="disabled"), options.out)
        browser.close()


if __name__ == "__main__":
    main()
