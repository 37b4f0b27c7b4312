"""Takes the pictures of the playground, on the demo models: `make screenshots`.

They show the fonts of the machine; those in the repository were taken with Noto and JetBrains Mono.
"""

import argparse
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# Asked before the picture is taken, for the meters to have something to show.
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture shows, and on what kind of screen."""

    name: str
    model: str
    example: str
    width: int = 1280
    scheme: str = "light"
    locale: str = "en-US"


PICTURES = (
    Picture("light", "ner", "News"),
    Picture("dark", "topic", "News", scheme="dark"),
    Picture("phone", "sentiment", "Review", width=390),
    Picture("phone-chinese", "ner-zh", "中文", width=390, scheme="dark", locale="zh-CN"),
)


def main() -> None:
    """Serve the store on a free port, and save each picture as PNG."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with serving(options.store) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for picture in PICTURES:
            path = options.out / f"{picture.name}.png"
            save(take(browser, picture, url), path)
            sys.stdout.write(f"{path}  {path.stat().st_size // 1000} kB\n")
        browser.close()


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """Run the service until the block ends; yield its address once its models serve."""
    command = [sys.executable, "-m", "app", "--model-store", str(store), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        url = ""
        for line in process.stderr:
            found = re.search(r"listening.*?(http://[^ ,\"]+)", line)
            url = found[1] if found else url
            if " started " in line:
                break
        yield url
    finally:
        process.terminate()
        process.communicate()


def take(browser: Browser, picture: Picture, url: str) -> bytes:
    """Ask an example a few times; return the page as PNG, of a phone's down to the answer."""
    is_phone = picture.width < 1000
    page = browser.new_page(
        viewport={"width": picture.width, "height": 1010 if is_phone else 800},
        color_scheme=picture.scheme,
        locale=picture.locale,
        device_scale_factor=2 if is_phone else 1,
    )
    page.goto(url)
    page.locator(".chip").first.wait_for()
    page.locator("#model").select_option(picture.model)
    example = page.locator(".chip", has_text=picture.example).first
    for asked in range(ROUNDS):
        for _ in range(1 + asked % 3):
            with page.expect_response("**/v1/*"):
                example.click()
        wait_for_poll(page)
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    image: bytes = page.screenshot(full_page=not is_phone, animations="disabled")
    page.close()
    return image


def wait_for_poll(page: Page) -> None:
    with page.expect_response("**/metrics"):
        pass


def save(image: bytes, path: Path) -> None:
    """Save few colours: a page has few, and the repository keeps every picture for ever."""
    whole = Image.open(io.BytesIO(image)).convert("RGB")
    whole.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
