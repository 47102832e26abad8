import asyncio
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image
from starlette.types import ASGIApp

from pix2pix.config import Mode
from pix2pix.inference.translator import Translator
from pix2pix.pictures import codec
from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.service import Service
from tests.helpers import noise, png_bomb, write, write_model
from tests.serve.helpers import SOURCE, ask, error_of, file_of, open_service, picture_of, translate

RAW = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def house(models: Path) -> Translator:
    return Translator.load(models / "house.safetensors", "cpu")


def expected(house: Translator, source: Any, **how: Any) -> Any:
    return house.translate_sources([source], **how)[0].astype(int)


def get(app: ASGIApp, address: str, **headers: str) -> httpx.Response:
    return ask(app, lambda client: client.get(address, headers=headers))


# Translations


@pytest.mark.parametrize(
    ("query", "how"),
    [
        ("", {}),
        ("seed=7", {"seed": 7}),
        ("seed=4294967295&sample=3", {"seed": 2**32 - 1, "sample": 3}),
        ("mode=deterministic", {"mode": "deterministic"}),
        ("mode=running", {"mode": "running"}),
    ],
)
def test_an_answer_is_the_translators(
    app: ASGIApp, house: Translator, query: str, how: dict[str, Any]
) -> None:
    answer = translate(app, SOURCE, f"house?{query}")
    assert answer.headers["content-type"] == "image/png"
    assert float(answer.headers["x-milliseconds"]) > 0
    assert abs(picture_of(answer) - expected(house, SOURCE, **how)).max() <= 1


def test_pictures_of_any_size_keep_it(app: ASGIApp, house: Translator) -> None:
    source = noise(37, 70)
    assert abs(picture_of(translate(app, source)) - expected(house, source)).max() <= 1


def test_company_changes_nothing(app: ASGIApp, house: Translator) -> None:
    """Other pictures, sizes, modes and noises at the same time; two models."""
    sources = [noise(32, 32 * (1 + n % 2), seed=n) for n in range(8)]
    modes: list[Mode] = ["paper", "deterministic"]

    async def together(client: httpx.AsyncClient) -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                client.post(
                    f"/api/models/house/translate?seed={n}&sample={n % 3}&mode={modes[n // 4]}",
                    content=file_of(source),
                    headers=RAW,
                )
                for n, source in enumerate(sources)
            )
        )

    for n, (source, answer) in enumerate(zip(sources, ask(app, together), strict=True)):
        alone = expected(house, source, seed=n, sample=n % 3, mode=modes[n // 4])
        assert abs(picture_of(answer) - alone).max() <= 1


def test_variants_lie_side_by_side(app: ASGIApp, house: Translator) -> None:
    strip = picture_of(translate(app, SOURCE, "house?sample=2&samples=3"))
    assert strip.shape == (32, 96, 3)
    for n in range(3):
        alone = expected(house, SOURCE, sample=2 + n)
        assert abs(strip[:, 32 * n : 32 * (n + 1)] - alone).max() <= 1


def test_a_form_is_as_good_as_a_body(app: ASGIApp) -> None:
    files = {"image": ("a.png", file_of(SOURCE), "image/png")}
    form = ask(app, lambda client: client.post("/api/models/house/translate", files=files))
    assert np.array_equal(picture_of(form), picture_of(translate(app, SOURCE)))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "PNG"),
        ("image/*", "PNG"),
        ("image/jpeg", "JPEG"),
        ("image/webp,*/*;q=0.5", "WEBP"),
        ("text/html, image/jpeg;q=0.2, image/png;q=0.1", "JPEG"),
    ],
)
def test_the_client_chooses_the_format(app: ASGIApp, accept: str, kind: str) -> None:
    answer = translate(app, SOURCE, accept=accept)
    assert Image.open(io.BytesIO(answer.content)).format == kind
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize("accept", ["text/html", "image/avif", "image/png;q=0", "image/png;q=x"])
def test_formats_that_there_are_not_are_refused(app: ASGIApp, accept: str) -> None:
    answer = translate(app, SOURCE, accept=accept)
    assert answer.status_code == 406
    assert "image/webp" in error_of(answer)


# What may be sent


def tiff_of(array: codec.Array) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, array, compression="zlib", photometric="minisblack", planarconfig="contig")
    return out.getvalue()


def odd(kind: str) -> bytes:
    frames = [Image.fromarray(noise(32, 32, seed=n)) for n in range(2)]
    out = io.BytesIO()
    if kind == "animated GIF":
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    elif kind == "still GIF":
        frames[0].save(out, "GIF")
    elif kind == "CMYK":
        frames[0].convert("CMYK").save(out, "JPEG")
    elif kind == "palette":
        frames[0].quantize(8).save(out, "PNG")
    elif kind == "one bit":
        frames[0].convert("1").save(out, "PNG")
    elif kind == "16 bits":
        Image.fromarray(noise(32, 32, 1)[:, :, 0].astype(np.uint16) * 257).save(out, "PNG")
    return out.getvalue()


GOOD = {
    "1 x 1": lambda: file_of(noise(1, 1)),
    "grey": lambda: file_of(noise(32, 32, 1)),
    "transparent": lambda: file_of(noise(32, 32, 4)),
    "WebP": lambda: file_of(SOURCE, "WEBP"),
    "BMP": lambda: file_of(SOURCE, "BMP"),
    "a lie about its kind": lambda: file_of(SOURCE, "JPEG"),
    "CMYK": lambda: odd("CMYK"),
    "16 bits": lambda: odd("16 bits"),
    "still GIF": lambda: odd("still GIF"),
    "TIFF": lambda: file_of(SOURCE, "TIFF"),
    "TIFF of 16 bits": lambda: tiff_of(noise(32, 32, 1)[:, :, 0].astype(np.uint16) * 257),
    "palette": lambda: odd("palette"),
    "one bit": lambda: odd("one bit"),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_every_kind_of_picture_is_translated(app: ASGIApp, body: Any) -> None:
    size = Image.open(io.BytesIO(body())).size
    assert picture_of(translate(app, body())).shape[1::-1] == size


HOLES = np.where(noise(32, 32) > 127, np.float32(1), np.float32(np.nan))
BAD = {
    "nothing": (lambda: b"", 400, "empty"),
    "text": (lambda: b"no picture at all", 400, "is not a picture (17 bytes)"),
    "half a JPEG": (lambda: file_of(SOURCE, "JPEG")[:700], 400, "cannot be read"),
    "half a PNG": (lambda: file_of(SOURCE)[:700], 400, "cannot be read"),
    "SVG": (lambda: b'<?xml version="1.0"?><svg width="9" height="9"/>', 400, "is not a picture"),
    "half a TIFF": (lambda: file_of(SOURCE, "TIFF")[:700], 400, "cannot be read"),
    "float TIFF": (lambda: tiff_of(SOURCE.astype(np.float32)), 422, "holds float32"),
    "TIFF without data": (lambda: tiff_of(HOLES), 422, "wanted numbers"),
    "many channels": (lambda: tiff_of(noise(128, 128, 60)), 413, "and 60 channels that makes 0.2 megapixels"),
    "animated GIF": (lambda: odd("animated GIF"), 415, "animation"),
    "20,000 x 1": (lambda: file_of(noise(1, 20_000)), 413, "20000 x 1 px. With its sides"),
    "large": (lambda: file_of(noise(500, 500)), 413, "0.3 megapixels: more than the limit of 0.2"),
    "many bytes": (lambda: bytes(2_000_000), 413, "more than 2 MB"),
}


@pytest.mark.parametrize(("body", "status", "words"), BAD.values(), ids=BAD)
def test_what_is_no_picture_is_refused_in_words(app: ASGIApp, body: Any, status: int, words: str) -> None:
    answer = translate(app, body())
    assert (answer.status_code, words in error_of(answer)) == (status, True), answer.text
    assert translate(app, SOURCE).status_code == 200


@pytest.mark.parametrize("bits", [8, 16])
def test_a_bomb_is_refused_before_it_is_unpacked(app: ASGIApp, tmp_path: Path, bits: int) -> None:
    png_bomb(tmp_path / "a.png", bits)
    answer = translate(app, (tmp_path / "a.png").read_bytes())
    assert answer.status_code == 413
    assert "50000 x 50000 px" in error_of(answer)


def test_variants_count_as_pixels(app: ASGIApp) -> None:
    assert translate(app, noise(256, 256)).status_code == 200
    answer = translate(app, noise(256, 256), "house?samples=8")
    assert answer.status_code == 413
    assert "8 variants" in error_of(answer)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("seed=-1", "seed: "),
        ("seed=x", "seed: "),
        ("samples=9", "samples: "),
        ("mode=nice", "mode: "),
        ("sead=1", "sead: "),
        ("make=true", "makes no sources"),
        ("mode=deterministic&samples=2", "has no noise"),
    ],
)
def test_parameters_without_sense_are_refused(app: ASGIApp, query: str, words: str) -> None:
    answer = translate(app, SOURCE, f"house?{query}")
    assert answer.status_code == 422
    assert words in error_of(answer)


def test_a_mode_that_the_model_has_not(tmp_path: Path, models: Path) -> None:
    path = write_model(tmp_path / "a.safetensors", "model.norm=instance")
    service = open_service(path, device="cpu")
    answer = translate(create_app(service, page_files(models / "page")), SOURCE, "a?mode=running")
    service.close()
    assert answer.status_code == 422
    assert "no mode 'running'" in error_of(answer)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", ""])
def test_a_picture_without_a_type_is_known_by_its_first_bytes(app: ASGIApp, kind: str) -> None:
    for body in (file_of(SOURCE), file_of(SOURCE, "JPEG"), file_of(SOURCE, "WEBP"), file_of(SOURCE, "TIFF")):
        assert translate(app, body, content_type=kind).status_code == 200
    for text in (b"image=abc&name=def", b"x", b"{}" * 5000):
        answer = translate(app, text, content_type=kind)
        assert answer.status_code == 415
        assert "wanted a picture" in error_of(answer)
    assert "empty" in error_of(translate(app, b"", content_type=kind))


@pytest.mark.parametrize("kind", ["text/plain", "image/svg+xml", "application/json"])
def test_other_bodies_are_refused_by_their_type(app: ASGIApp, kind: str) -> None:
    answer = translate(app, SOURCE, content_type=kind)
    assert answer.status_code == 415
    assert f"'{kind}'" in error_of(answer)


def part(disposition: str) -> bytes:
    return f"--a\r\nContent-Disposition: form-data; {disposition}\r\n\r\nc\r\n--a--\r\n".encode()


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("multipart/form-data", b"x", "boundary"),
        ("multipart/form-data; boundary=a", b"x", "form"),
        ("multipart/form-data; boundary=a", b"--a\r\nx\r\n", "form"),
        ("multipart/form-data; boundary=a", part('name="b"; filename="c"'), "field 'image'"),
        ("multipart/form-data; boundary=a", part('name="image"'), "field 'image'"),
    ],
)
def test_a_broken_form_is_refused(app: ASGIApp, kind: str, body: bytes, words: str) -> None:
    answer = translate(app, body, content_type=kind)
    assert answer.status_code == 400
    assert words in error_of(answer)


def test_an_unknown_model_is_refused_with_the_known_ones(app: ASGIApp) -> None:
    answer = translate(app, SOURCE, "boat")
    assert answer.status_code == 404
    assert "no model 'boat'" in error_of(answer)
    assert "house, shoe" in answer.json()["hint"]


# Cards and examples


def test_models_are_listed_as_cards(app: ASGIApp) -> None:
    cards = get(app, "/api/models").json()["models"]
    assert [card["name"] for card in cards] == ["house", "shoe"]
    assert cards[0]["translate"] == "api/models/house/translate"
    assert cards[0]["network"] is None
    assert cards[0]["multiple_px"] == 32


def test_examples_have_lasting_addresses(tmp_path: Path, models: Path) -> None:
    model = write_model(tmp_path / "shed" / "model.safetensors")
    pair = [
        write(tmp_path / "shed" / "examples" / half / "a.png", noise(32, 32, seed=n))
        for n, half in enumerate(("source", "target"))
    ]
    write(tmp_path / "shed" / "examples" / "source" / "b.png")
    service = open_service(model, device="cpu")
    app = create_app(service, page_files(models / "page"))
    first, second = get(app, "/api/models").json()["models"][0]["examples"]
    for address, path in zip((first["source"], first["target"]), pair, strict=True):
        answer = get(app, f"/{address}")
        assert np.array_equal(picture_of(answer), np.asarray(Image.open(path)))
        assert "immutable" in answer.headers["cache-control"]
    bare = first["source"].partition("?")[0]
    assert get(app, f"/{bare}").headers["cache-control"] == "no-cache"
    assert second["target"] is None
    for missing in ("1/target", "2/source", "-1/source"):
        answer = get(app, f"/api/models/shed/examples/{missing}")
        assert answer.status_code == 404
        assert missing.split("/")[0] in error_of(answer)
    pair[0].write_text("no longer a picture")
    assert get(app, f"/{first['source']}").status_code == 404
    service.close()


# The rest


def test_the_page_lies_flat_under_the_root(app: ASGIApp) -> None:
    page = get(app, "/")
    assert page.text.startswith("<!doctype html>")
    assert get(app, "/main.js").headers["content-type"].startswith("text/javascript")
    assert get(app, "/words/en.mjs").headers["content-type"].startswith("text/javascript")
    for answer in (page, get(app, "/main.js")):
        assert answer.headers["cache-control"] == "no-cache"
        again = get(app, answer.request.url.path, **{"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/none.js", "/api", "/api/models/house", "/%2e%2e/house.safetensors", "/%00"]
)
def test_what_is_not_there_is_reported_so(app: ASGIApp, path: str) -> None:
    answer = get(app, path)
    assert answer.status_code == 404
    assert "nothing at" in error_of(answer)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/models/house/translate", "POST"),
        ("DELETE", "/api/models", "GET"),
        ("POST", "/main.js", "GET"),
    ],
)
def test_other_methods_are_refused(app: ASGIApp, method: str, path: str, allowed: str) -> None:
    answer = ask(app, lambda client: client.request(method, path))
    assert answer.status_code == 405
    assert allowed in answer.headers["allow"]
    assert method in error_of(answer)


def test_health_says_what_is_loaded_and_how_much_there_is_to_do(models: Path) -> None:
    service = open_service(models / "house.safetensors", models / "shoe.safetensors", device="cpu")
    app = create_app(service, page_files(models / "page"))
    before = get(app, "/health").json()
    translate(app, SOURCE)
    after = get(app, "/health").json()
    service.close()
    assert before["status"] == "ok"
    assert [m["loaded"] for m in before["models"]] == [False, False]
    assert [m["loaded"] for m in after["models"]] == [True, False]
    assert after["queue"] == {"under_way": 0, "limit": 128, "waiting": 0}


def test_metrics_count_answers_by_model_and_status(models: Path) -> None:
    service = open_service(models / "house.safetensors", device="cpu")
    app = create_app(service, page_files(models / "page"))
    for body in (file_of(SOURCE), b"", b"text"):
        translate(app, body)
    translate(app, SOURCE, "boat")
    answer = get(app, "/metrics")
    service.close()
    assert answer.headers["content-type"].startswith("text/plain; version=")
    counts = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#")
    assert counts['pix2pix_requests_total{model="house",status="200"}'] == "1.0"
    assert counts['pix2pix_requests_total{model="house",status="400"}'] == "2.0"
    assert counts['pix2pix_requests_total{model="",status="404"}'] == "1.0"
    assert counts["pix2pix_batch_pictures_sum"] == "1.0"
    assert float(counts["pix2pix_loaded_bytes"]) > 0


def test_the_documents_need_nothing_from_elsewhere(app: ASGIApp) -> None:
    page = get(app, "/docs")
    assert "/api/models/{name}/translate" in page.text
    assert "house | shoe" in page.text
    assert "<script" not in page.text
    assert "http" not in page.text
    schema = get(app, "/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert "413" in json.dumps(schema["paths"]["/api/models/{name}/translate"])


def test_a_defect_is_reported_without_its_traceback(
    app: ASGIApp, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(service, "_decode", fail)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/api/models/house/translate", content=file_of(SOURCE), headers=RAW)

    answer = asyncio.run(run())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert error_of(answer)


def test_variants_that_no_webp_can_hold_are_refused_before_they_are_made(
    app: ASGIApp, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pix2pix.serve.answers._LONGEST_PX", {"webp": 100})
    monkeypatch.setattr(service.workers, "submit", None)
    answer = translate(app, SOURCE, "house?samples=4&mode=paper", accept="image/webp")
    assert answer.status_code == 406
    assert "128 x 32 px, and webp takes up to 100" in error_of(answer)
