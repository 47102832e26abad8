from pathlib import Path

import httpx
import pytest

from pix2pix.errors import UserError
from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.service import Service
from pix2pix.serve.token import read_token
from tests.helpers import write_text
from tests.serve.helpers import ask, error_of

TOKEN = "0123456789abcdef"


def get(service: Service, models: Path, path: str, token: str = "") -> httpx.Response:
    app = create_app(service, page_files(models / "page"), ["https://a.example"], token=TOKEN)
    headers = {"authorization": token.encode("latin-1")} if token else {}
    return ask(app, lambda client: client.get(path, headers=headers))


@pytest.mark.parametrize(
    "path", ["/api/models", "/api/none", "/health", "/metrics", "/docs", "/openapi.json", "/health/"]
)
def test_what_is_no_file_of_the_page_needs_the_token(service: Service, models: Path, path: str) -> None:
    for token in ("", TOKEN, f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", "Bearer \xe9"):
        refused = get(service, models, path, token)
        assert refused.status_code == 401
        assert "wants a token" in error_of(refused)
        assert refused.headers["www-authenticate"] == "Bearer"
    assert get(service, models, path, f"Bearer {TOKEN}").status_code in (200, 307, 404)


@pytest.mark.parametrize("path", ["/", "/main.js", "/words/en.mjs"])
def test_the_page_itself_needs_none(service: Service, models: Path, path: str) -> None:
    assert get(service, models, path).status_code == 200


def test_pages_of_allowed_sites_may_send_it(service: Service, models: Path) -> None:
    app = create_app(service, page_files(models / "page"), ["https://a.example"], token=TOKEN)
    asked = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    answer = ask(app, lambda client: client.options("/api/models/house/translate", headers=asked))
    assert answer.status_code == 200
    assert "Authorization" in answer.headers["access-control-allow-headers"]


def test_a_token_is_read_without_the_end_of_its_line(tmp_path: Path) -> None:
    assert read_token(write_text(tmp_path / "token", f"{TOKEN}\n")) == TOKEN


@pytest.mark.parametrize("text", ["", "short", "two words are no token", "a\u00e9" * 20, f"{TOKEN}\n{TOKEN}"])
def test_what_is_no_token_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"holds no token.*16 or more"):
        read_token(write_text(tmp_path / "token", text))
    with pytest.raises(UserError, match="holds no token"):
        read_token(tmp_path / "none")
