"""Who gets the page, and how it is sent."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.main import create_app, with_middleware
from app.playground.assets import STATIC
from app.settings.settings import Settings
from tests.support.server import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_a_browser_gets_the_page(client: httpx.Client) -> None:
    page = client.get("/", headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "Accept"
    assert client.head("/", headers=BROWSER).headers["etag"] == page.headers["etag"]


def test_the_page_may_do_nothing_but_ask_this_service(client: httpx.Client) -> None:
    page = client.get("/", headers=BROWSER)
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    own = {name for name, sources in policy.items() if sources == "'self'"}
    assert own == {"script-src", "style-src", "connect-src", "img-src"}
    none = {name for name, sources in policy.items() if sources == "'none'"}
    assert {"default-src", "base-uri", "frame-ancestors", "form-action"} <= none
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_every_file_is_sent_as_what_it_is_and_a_new_version_shows_at_once(
    client: httpx.Client,
) -> None:
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    files = [path for path in STATIC.rglob("*") if path.suffix in kinds]
    assert len(files) > 10
    for path in files:
        address = f"/playground/{path.relative_to(STATIC).as_posix()}"
        sent = client.get(address)
        assert sent.content == path.read_bytes()
        assert sent.headers["content-type"].startswith(kinds[path.suffix])
        assert sent.headers["cache-control"] == "no-cache"
        kept = client.get(address, headers={"If-None-Match": sent.headers["etag"]})
        assert (kept.status_code, kept.content) == (304, b"")


@pytest.mark.parametrize("path", ["none.js", "../routes.py", "%2e%2e/routes.py", "/etc/passwd", ""])
def test_nothing_but_the_pages_files_is_sent(client: httpx.Client, path: str) -> None:
    assert client.get(f"/playground/{path}").status_code == 404


def test_requests_are_counted_by_template(client: httpx.Client) -> None:
    client.get("/playground/main.js")
    client.get("/playground/none.js")
    routes = set(
        re.findall(r'requests_total\{.*?route="(/playground[^"]*)"', client.get("/metrics").text)
    )
    assert routes == {"/playground/{path:path}"}


@pytest.mark.anyio
@pytest.mark.parametrize("accepted", ["*/*", "application/json", "text/plain, */*;q=0.1"])
async def test_others_get_what_they_got_without_it(tmp_path: Path, accepted: str) -> None:
    answers = []
    for playground in (True, False):
        async with asking(tmp_path, playground) as client:
            answer = await client.get("/", headers={"Accept": accepted})
        answers.append((answer.status_code, answer.json() | {"request_id": ""}))
    assert answers[0] == answers[1]
    assert answers[0][0] in (404, 405)


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/playground/main.js"])
async def test_it_can_be_switched_off(tmp_path: Path, path: str) -> None:
    async with asking(tmp_path, playground=False) as client:
        assert (await client.get(path, headers=BROWSER)).status_code in (404, 405)


def asking(store: Path, playground: bool) -> httpx.AsyncClient:
    app = create_app(Settings(model_store=store, playground=playground))
    transport = httpx.ASGITransport(with_middleware(app))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
