"""onnxruntime-web: the files that run a network in a browser, from its npm package, checked.

The version is pinned and so is every byte: pages never load it from anywhere but their own folder.
To move to another version, fetch it by npm, which checks the archive, and take the digests from its files.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path

from pix2pix.errors import UserError
from pix2pix.files import cache_folder, kind, replacing
from pix2pix.progress import Progress

VERSION = "1.30.0"
# Backend of the page -> its module and its binary in the package. The binary with WebGPU is twice
# as large, so browsers without a graphics card fetch the plain one.
FILES = {
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": ("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
}
SHA256 = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    "ort.webgpu.bundle.min.mjs": "0730816731ce2cdfb06f273da065d4a1c7091eb9d1756a83b2916c8a89d015e2",
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da"
    ),
}
_PACKAGE = f"onnxruntime-web@{VERSION}"
_ELSEWHERE = (
    f"On a machine with npm and a network, run `npm pack {_PACKAGE}`; then pass the file that it "
    "wrote: --runtime FILE."
)


def load_runtime(package: Path | None, progress: Progress) -> dict[str, bytes]:
    """Return the package's files in FILES by name.

    `package` is a .tgz or a folder (node_modules/onnxruntime-web). Without, npm fetches it once and
    it is kept in the cache folder. Raises UserError where it cannot be had, is of another version,
    or differs in a byte.
    """
    return _read(_from_npm(progress) if package is None else package)


def _read(package: Path) -> dict[str, bytes]:
    if (what := kind(package)) == "nothing":
        raise UserError(f"There is no {package}: wanted {_PACKAGE}.", _ELSEWHERE)
    try:
        if what == "folder":
            contents = {name: (package / "dist" / name).read_bytes() for name in SHA256}
        else:
            with tarfile.open(package) as archive:
                members = {name: archive.extractfile(f"package/dist/{name}") for name in SHA256}
                contents = {name: member.read() for name, member in members.items() if member}
    except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error) as error:
        raise UserError(
            f"{package} is not {_PACKAGE} ({error}): wanted its .tgz, whole, or its folder, such as "
            "node_modules/onnxruntime-web.",
            _ELSEWHERE,
        ) from None
    for name, digest in SHA256.items():
        if hashlib.sha256(contents.get(name, b"")).hexdigest() != digest:
            raise UserError(f"{name} of {package} is not that of {_PACKAGE}.", _ELSEWHERE)
    return contents


def _from_npm(progress: Progress) -> Path:
    cached = cache_folder() / f"onnxruntime-web-{VERSION}.tgz"
    if kind(cached) == "file":
        return cached
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"The page needs {_PACKAGE}, which npm fetches, and there is no npm here.",
            f"Install Node.js, which has npm. {_ELSEWHERE}",
        )
    progress.log(f"fetching {_PACKAGE} by npm (33 MB, once)")
    with replacing(cached) as temporary, tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", _PACKAGE, "--ignore-scripts", "--silent"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            errors = (line for line in done.stderr.splitlines() if "error" in line.lower())
            reason = next(errors, "it gave no reason")
            raise UserError(f"npm could not fetch {_PACKAGE}: {reason}.", _ELSEWHERE)
        _read(archives[0])  # nothing is kept that is not the package
        shutil.copyfile(archives[0], temporary)
    return cached
