"""Archives for tests: of files by name, or of whatever a header says."""

import hashlib
import io
import tarfile

# Noise, so that an archive is longer than what a socket buffers.
NOISE = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(10_000))


def tar(members: dict[str, bytes | tarfile.TarInfo], mode: str = "w:gz") -> bytes:
    """An archive of files by name, or of whatever a TarInfo says."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as out:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                # The header alone: newer versions of `addfile` refuse a file without its content.
                out.fileobj.write(content.tobuf(out.format, out.encoding, out.errors))
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
