import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console

from pix2pix.datasets import download
from pix2pix.datasets.fetch import RECORD, DataSet, Fetched, data_sets, fetch
from pix2pix.errors import UserError
from pix2pix.progress import Progress
from tests.data.tars import NOISE, tar
from tests.helpers import files_below

NAMES = ["train/1.jpg", "train/2.jpg", "val/3.jpg"]
GOOD = tar({f"facades/{name}": NOISE + name.encode() for name in NAMES})
SHA256 = hashlib.sha256(GOOD).hexdigest()


@dataclass
class Server:
    """What a local server gives at each path, and which requests it got."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, list[int]] = field(default_factory=dict)  # answered first, in this order
    breaks: dict[str, list[int]] = field(default_factory=dict)  # bytes after which it breaks off
    ranges: bool = True
    marks: bool = True
    silent: bool = False  # about the length
    requests: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    place: ClassVar[Server]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        place, span = self.place, self.headers["Range"]
        place.requests.append((self.path, span))
        if codes := place.codes.get(self.path):
            self.send_error(codes.pop(0))
            return
        body = place.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        mark = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        start, whole = 0, len(body)
        if span and place.ranges and self.headers["If-Range"] == mark:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            if start >= whole:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{whole}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        else:
            self.send_response(200)
        if place.marks:
            self.send_header("ETag", mark)
        if not place.silent:
            self.send_header("Content-Length", str(whole - start))
        self.end_headers()
        cut = place.breaks.get(self.path)
        self.wfile.write(body[start : start + cut.pop(0)] if cut else body[start:])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of this machine that holds the good archive as /good."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_S", 0.0)
    place = Server(files={"/good": GOOD})
    handler = type("Bound", (Handler,), {"place": place})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        place.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield place
        running.shutdown()
        thread.join()


@pytest.fixture
def facades(server: Server) -> Callable[..., DataSet]:
    """`facades("/a", "/b")`: a data set that lies at these paths of the server."""
    row = data_sets()["facades"]

    def make(*paths: str, **changes: object) -> DataSet:
        addresses = [server.address + path for path in paths]
        return replace(row, addresses=addresses, **{"bytes": 0, **changes})

    return make


def printed(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=1000)


def is_good(out: Path, got: Fetched) -> bool:
    """Whether the folder holds the good archive, and nothing lies next to it."""
    assert files_below(out.parent) == {f"{out.name}/{name}" for name in [*NAMES, RECORD]}
    assert (out / "train" / "1.jpg").read_bytes() == NOISE + b"train/1.jpg"
    assert got.sha256 == SHA256
    return got.pairs == {"train": 2, "val": 1}


# The table


def test_the_table_names_the_six_sets_with_addresses_and_terms() -> None:
    sets = data_sets()
    assert list(sets) == ["facades", "maps", "cityscapes", "edges2shoes", "edges2handbags", "night2day"]
    for name, row in sets.items():
        assert all(address.startswith("https://") for address in row.addresses)
        assert all(address.endswith(f"/{name}.tar.gz") for address in row.addresses)
        assert len(row.addresses) > 1
        assert row.licence.endswith(".")
        assert row.source in ("left", "right")
        assert row.sha256 == "" or len(row.sha256) == 64


# Downloading


def test_a_set_is_fetched_unpacked_and_nothing_else_is_left(
    tmp_path: Path, facades: Callable[..., DataSet], console: Console
) -> None:
    got = fetch(facades("/good"), tmp_path / "facades", progress=Progress(console))
    assert is_good(tmp_path / "facades", got)
    assert not got.verified
    assert f"not verified: no SHA-256 of facades is known; this one's is {SHA256}" in printed(console)
    assert "terms of the CMP Facade Database" in printed(console)


def test_the_second_call_requests_nothing_and_says_so(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, console: Console
) -> None:
    first = fetch(facades("/good"), tmp_path / "facades")
    server.requests.clear()
    assert fetch(facades("/good"), tmp_path / "facades", progress=Progress(console)) == first
    assert server.requests == []
    assert "is there already: facades from http" in printed(console)


def test_what_broke_off_is_continued_where_it_was(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.breaks["/good"] = [100_000, 200_000]
    got = fetch(facades("/good", sha256=SHA256), tmp_path / "facades")
    assert is_good(tmp_path / "facades", got)
    assert got.verified
    assert [span for _, span in server.requests] == [None, "bytes=100000-", "bytes=300000-"]


def test_the_next_call_continues_what_the_last_one_left(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.breaks["/good"] = [100_000, 0, 0, 0]
    with pytest.raises(UserError, match=r"byte 100,000.*same command goes on"):
        fetch(facades("/good"), tmp_path / "facades")
    assert not (tmp_path / "facades").exists()
    server.requests.clear()
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))
    assert server.requests == [("/good", "bytes=100000-")]


def test_a_call_stopped_before_the_end_was_noted_requests_nothing_twice(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.breaks["/good"] = [100_000, 0, 0, 0]
    with pytest.raises(UserError):
        fetch(facades("/good"), tmp_path / "facades")
    (part,) = (tmp_path / ".facades.fetch").glob("*.part")
    part.write_bytes(GOOD)
    server.requests.clear()
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))
    assert server.requests == [("/good", f"bytes={len(GOOD)}-")]


@pytest.mark.parametrize("lack", ["ranges", "marks"])
def test_a_server_that_cannot_continue_sends_all(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, lack: str
) -> None:
    setattr(server, lack, False)
    server.breaks["/good"] = [100_000, 50_000]
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))
    # Without a mark nobody could say whether the bytes to come belong to those that are there.
    assert lack == "ranges" or [span for _, span in server.requests] == [None, None, None]


def test_a_file_that_changed_meanwhile_is_taken_anew(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.files["/good"] = tar({"old/1.jpg": NOISE})
    server.breaks["/good"] = [100_000, 0, 0, 0]
    with pytest.raises(UserError):
        fetch(facades("/good"), tmp_path / "facades")
    server.files["/good"] = GOOD
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))


def test_a_server_that_sends_no_length_will_do(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.silent = True
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))


def test_without_a_length_a_broken_archive_is_noticed_when_it_is_unpacked(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.silent = True
    server.breaks["/good"] = [100_000]
    with pytest.raises(UserError, match="no whole tar archive"):
        fetch(facades("/good"), tmp_path / "facades")
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))


@pytest.mark.parametrize("code", [404, 403, 500, 503])
def test_a_mirror_takes_over_from_a_server_that_refuses(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, code: int, console: Console
) -> None:
    server.codes["/bad"] = [code] * 9
    got = fetch(facades("/bad", "/good"), tmp_path / "facades", progress=Progress(console))
    assert is_good(tmp_path / "facades", got)
    assert f"/bad: the server answered {code}" in printed(console)
    tries = sum(path == "/bad" for path, _ in server.requests)
    assert tries == (1 if code < 500 else 3)


def test_a_server_that_recovers_is_not_left(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.codes["/good"] = [503, 500]
    got = fetch(facades("/good", "/other"), tmp_path / "facades")
    assert is_good(tmp_path / "facades", got)
    assert got.origin.endswith("/good")


def test_an_archive_with_another_digest_is_left_for_the_mirror(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, console: Console
) -> None:
    wrong = server.files["/wrong"] = tar({"facades/train/evil.jpg": b"x"})
    wanted = facades("/wrong", "/good", sha256=SHA256)
    got = fetch(wanted, tmp_path / "facades", progress=Progress(console))
    assert is_good(tmp_path / "facades", got)
    found = hashlib.sha256(wrong).hexdigest()
    assert f"/wrong: the SHA-256 is {found}, wanted {SHA256}" in printed(console)
    assert f"verified: SHA-256 {SHA256}" in printed(console)


def test_the_first_digest_is_kept_and_every_later_archive_compared_with_it(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, console: Console
) -> None:
    assert not fetch(facades("/good"), tmp_path / "1").verified
    got = fetch(facades("/good"), tmp_path / "2" / "facades", progress=Progress(console))
    assert is_good(tmp_path / "2" / "facades", got)
    assert got.verified
    assert f"verified against the first fetched: SHA-256 {SHA256}" in printed(console)
    server.files["/changed"] = tar({"facades/train/evil.jpg": b"x"})
    with pytest.raises(UserError, match=rf"wanted {SHA256}, as when first fetched \(delete .*sha256"):
        fetch(facades("/changed"), tmp_path / "3")
    assert not (tmp_path / "3").exists()


def test_archives_that_are_broken_or_the_users_own_are_not_the_first(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, cache: Path
) -> None:
    server.files["/page"] = b"<html>please log in</html>"
    with pytest.raises(UserError):
        fetch(facades("/page"), tmp_path / "1")
    server.files["/mine"] = tar({"train/1.jpg": b"x"})
    fetch(facades("/none"), tmp_path / "2", f"{server.address}/mine")
    assert not (cache / "fetched").exists()
    fetch(facades("/good"), tmp_path / "3")
    assert (cache / "fetched" / "facades.sha256").read_text() == f"{SHA256}\n"


def test_a_data_set_is_fetched_where_no_digest_can_be_kept(
    tmp_path: Path, facades: Callable[..., DataSet], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIX2PIX_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    assert fetch(facades("/good"), tmp_path / "1", progress=Progress(console)).pairs
    assert "note: Cannot write" in printed(console)


def test_an_archive_of_another_size_is_not_even_taken(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, console: Console
) -> None:
    server.files["/page"] = b"<html>please log in</html>"
    wanted = facades("/page", "/good", bytes=len(GOOD))
    assert is_good(tmp_path / "facades", fetch(wanted, tmp_path / "facades", progress=Progress(console)))
    assert f"/page: the archive is of 26 bytes, wanted {len(GOOD):,}" in printed(console)


def test_a_page_in_place_of_an_archive_is_left_for_the_mirror(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, console: Console
) -> None:
    server.files["/page"] = b"<html>please log in</html>"
    got = fetch(facades("/page", "/good"), tmp_path / "facades", progress=Progress(console))
    assert is_good(tmp_path / "facades", got)
    assert "/page: it is no whole tar archive" in printed(console)


def test_when_no_address_gives_it_each_is_named_with_its_reason(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    server.files["/page"] = b"hello"
    nobody = "http://127.0.0.1:9/x"
    wanted = facades("/none", "/page")
    wanted = replace(wanted, addresses=[*wanted.addresses, nobody])
    with pytest.raises(UserError) as caught:
        fetch(wanted, tmp_path / "facades")
    for reason in ("/none: the server answered 404", "/page: it is no whole", f"{nobody}: the conn"):
        assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# What the user chooses


def test_a_local_archive_is_unpacked_and_stays(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    archive = tmp_path / "mine.tar.gz"
    archive.write_bytes(GOOD)
    got = fetch(facades("/good", sha256=SHA256), tmp_path / "in" / "facades", str(archive))
    assert is_good(tmp_path / "in" / "facades", got)
    assert got.verified
    assert archive.read_bytes() == GOOD
    assert server.requests == []


def test_another_address_is_taken_in_place_of_the_tables(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server, console: Console
) -> None:
    wanted = facades("/none", sha256="0" * 64, bytes=3)
    got = fetch(wanted, tmp_path / "facades", f"{server.address}/good", progress=Progress(console))
    assert is_good(tmp_path / "facades", got)
    assert not got.verified
    assert f"not the authors' archive: SHA-256 {SHA256}" in printed(console)


@pytest.mark.parametrize("origin", ["gone.tar.gz", "ftp://127.0.0.1/x.tar.gz", "file:///etc/hosts"])
def test_what_is_neither_file_nor_address_is_refused(
    tmp_path: Path, facades: Callable[..., DataSet], origin: str
) -> None:
    with pytest.raises(UserError, match="neither a file nor an address"):
        fetch(facades(), tmp_path / "facades", origin)


@pytest.mark.parametrize("content", ["a file", "a folder", "another set"])
def test_what_is_in_the_way_is_never_touched(
    tmp_path: Path, facades: Callable[..., DataSet], content: str
) -> None:
    out = tmp_path / "facades"
    if content == "a file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    if content == "another set":
        record = Fetched("maps", "somewhere", "", False, {})
        (out / RECORD).write_text(json.dumps(record.__dict__))
    before = files_below(tmp_path)
    with pytest.raises(UserError, match=r"facades exists and (was not made|holds maps)"):
        fetch(facades("/good"), out)
    assert files_below(tmp_path) == before


def test_an_empty_folder_is_filled(tmp_path: Path, facades: Callable[..., DataSet]) -> None:
    (tmp_path / "facades").mkdir()
    assert is_good(tmp_path / "facades", fetch(facades("/good"), tmp_path / "facades"))


def test_cityscapes_is_fetched_only_by_who_accepted_its_licence(
    tmp_path: Path, facades: Callable[..., DataSet], server: Server
) -> None:
    wanted = facades("/good", licence="Register first.", agree=True)
    with pytest.raises(UserError, match=r"Register first\. Then add --accept-licence"):
        fetch(wanted, tmp_path / "facades")
    assert server.requests == []
    assert is_good(tmp_path / "facades", fetch(wanted, tmp_path / "facades", accepted=True))
    assert data_sets()["cityscapes"].agree
    assert "forbids" in data_sets()["cityscapes"].licence


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, facades: Callable[..., DataSet]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        fetch(facades("/good"), tmp_path / "file" / "facades")


# What is inside


def unpacked(tmp_path: Path, packed: bytes) -> Path:
    """Fetch from a local archive into tmp_path/in/set."""
    archive = tmp_path / "x.tar.gz"
    archive.write_bytes(packed)
    fetch(data_sets()["facades"], tmp_path / "in" / "set", str(archive))
    return tmp_path / "in" / "set"


def test_one_more_folder_around_everything_is_taken_off(tmp_path: Path) -> None:
    out = unpacked(tmp_path, tar({"set/set/1.jpg": b"x", "set/readme.txt": b"x"}))
    assert files_below(out) == {"set/1.jpg", "readme.txt", RECORD}


def test_an_archive_without_pictures_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no pictures"):
        unpacked(tmp_path, tar({"readme.txt": b"x"}))
    assert files_below(tmp_path) == {"x.tar.gz"}
    assert list((tmp_path / "in").iterdir()) == []


def test_a_folder_train_alone_stays(tmp_path: Path) -> None:
    assert files_below(unpacked(tmp_path, tar({"./train/1.jpg": b"x"}))) == {"train/1.jpg", RECORD}


# The page


def test_the_page_on_data_sets_says_what_the_table_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data_sets.md").read_text("utf-8")
    for name, row in data_sets().items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        for cell in (f"| {row.left}, {row.right} | {row.source}", f"| {row.about_mb:,} MB |"):
            assert cell in line
        for split, count in row.pairs.items():
            assert f"{count:,} /" in line or (split == "test" and f"/ {count:,} |" in line)
