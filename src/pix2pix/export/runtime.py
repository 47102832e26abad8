"""onnxruntime-web: the files that run a network in a browser, from its npm package, checked.

The version is pinned and so is every byte: pages never load it from anywhere but their own folder.
To move to another version, take `integrity` from the registry (npm view onnxruntime-web@VERSION
dist.integrity) and the digests from the files of that archive.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.files import cache_folder, kind, replacing
from pix2pix.progress import Progress

VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
# Backend of the page -> its module and its binary in the package. The binary with WebGPU is twice
# as large, so browsers without a graphics card fetch the plain one.
FILES = {
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": ("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
}
SHA256 = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": ("3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"),
    "ort.webgpu.bundle.min.mjs": "0730816731ce2cdfb06f273da065d4a1c7091eb9d1756a83b2916c8a89d015e2",
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da"
    ),
}
_PACKAGE = f"onnxruntime-web@{VERSION}"
_ELSEWHERE = (
    f"Where there is npm and a network, run `npm pack {_PACKAGE}`; then give the file that it "
    "wrote: --runtime FILE."
)


def load_runtime(given: Path | None, progress: Progress) -> dict[str, bytes]:
    """The package's files in FILES by name.

    `given` is the package as a .tgz or as a folder (node_modules/onnxruntime-web). Without, it is
    fetched by npm once and kept in the cache folder. Raises UserError where it cannot be had, is of
    another version, or differs in a byte.
    """
    place = given if given is not None else _from_npm(progress)
    found = kind(place)
    if found == "nothing":
        raise UserError(f"There is no {place}: wanted {_PACKAGE}.", _ELSEWHERE)
    contents = _in_folder(place) if found == "folder" else _in_archive(place)
    for name, data in contents.items():
        if hashlib.sha256(data).hexdigest() != SHA256[name]:
            raise UserError(f"{name} of {place} is not that of {_PACKAGE}.", _ELSEWHERE)
    return contents


def _in_folder(folder: Path) -> dict[str, bytes]:
    try:
        return {name: (folder / "dist" / name).read_bytes() for name in SHA256}
    except OSError as error:
        raise UserError(
            f"{folder} is not the folder of {_PACKAGE}: {error.strerror}: {error.filename}.",
            "Wanted the package's own folder, such as node_modules/onnxruntime-web.",
        ) from None


def _in_archive(archive: Path) -> dict[str, bytes]:
    _check_archive(archive)
    with tarfile.open(archive) as opened:
        members = {name: opened.extractfile(f"package/dist/{name}") for name in SHA256}
        return {name: member.read() for name, member in members.items() if member is not None}


def _check_archive(archive: Path) -> None:
    """Nothing is unpacked that is not, byte by byte, what the registry published."""
    with archive.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha512").digest()
    if f"sha512-{base64.b64encode(found).decode()}" != INTEGRITY:
        raise UserError(
            f"{archive} is not the archive of {_PACKAGE} ({archive.stat().st_size:,} bytes): it "
            "is another version, or was cut short or changed on its way.",
            _ELSEWHERE,
        )


def _from_npm(progress: Progress) -> Path:
    kept = cache_folder() / f"onnxruntime-web-{VERSION}.tgz"
    if kind(kept) == "file":
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"The page needs {_PACKAGE}, which npm fetches, and there is no npm here.",
            f"Install Node.js, which has npm. {_ELSEWHERE}",
        )
    progress.log(f"fetching {_PACKAGE} by npm (33 MB, once)")
    with replacing(kept) as temporary, tempfile.TemporaryDirectory() as folder:
        archive = _pack(npm, Path(folder))
        _check_archive(archive)
        shutil.copyfile(archive, temporary)
    return kept


def _pack(npm: str, folder: Path) -> Path:
    command = [npm, "pack", _PACKAGE, "--ignore-scripts", "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        told = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise UserError(
            f"npm could not fetch {_PACKAGE}: {told[0] if told else 'it did not say why'}.", _ELSEWHERE
        )
    return archives[0]
