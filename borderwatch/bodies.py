"""An answer's parts <-> the one body that is stored of them, proven by its own hash. Pure but for reading.

One part is stored as it came, several as a deterministic ustar archive; either is packed with zstd. The hash
is taken of the bytes before packing, so a better packer changes no name.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from borderwatch.errors import Damaged, Malformed
from borderwatch.models import Part, PartDigest

LEVEL = 19
"""zstd level of a body, written once and shipped many times: 2.5 MB of GeoJSON pack to 0.53 MB in 1.1 s; level 3
to 0.85 MB; level 22 gains 0.1 %."""
LEVEL_WINDOW = 2**23
MAX_WINDOW = 2**27
"""What the ``zstd`` tool accepts without being told, 128 MiB: every body opens with a plain ``zstd -d``."""

MAX_PARTS = 10_000
"""More files than any source answers with (CLDR: one for each of some 700 languages)."""

_SEAL = (0x184D2A5B).to_bytes(4, "little") + (32).to_bytes(4, "little")
_SEAL_BYTES = len(_SEAL) + 32

_TAR_BLOCK = 512
_TAR_RECORD = 10_240


def stored_from_parts(parts: tuple[Part, ...]) -> bytes:
    """What is kept of an answer: one part as it came, several as a deterministic ustar archive.

    Malformed where a part's name could not be unpacked safely, or two parts share one.
    """
    if not 1 <= len(parts) <= MAX_PARTS:
        raise Malformed(f"an answer of {len(parts):,} parts, not of 1 to {MAX_PARTS:,}")
    names = [part.name for part in parts]
    for name in names:
        _check_part_name(name)
    if len(set(names)) != len(names):
        raise Malformed(f"an answer with two parts of one name: {sorted(n for n in set(names) if names.count(n) > 1)}")
    if len(parts) == 1:
        return parts[0].data
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT, encoding="utf-8") as archive:
        for part in sorted(parts, key=lambda part: part.name):
            entry = tarfile.TarInfo(part.name)
            entry.size = len(part.data)
            try:
                archive.addfile(entry, io.BytesIO(part.data))
            except ValueError as error:
                raise Malformed(f"a part's name is too long for an archive: {part.name!r}") from error
    return buffer.getvalue()


def _check_part_name(name: str) -> None:
    steps = name.split("/")
    if any(step in {"", ".", ".."} for step in steps) or not name.isprintable() or "\\" in name:
        raise Malformed(f"a part's name that is not a safe relative path: {name!r}")


def stored_size(parts: tuple[PartDigest, ...]) -> int:
    """The size a body must have, known before it is unpacked: no bomb gets further than this."""
    if len(parts) == 1:
        return parts[0].size
    blocks = sum(1 + -(-part.size // _TAR_BLOCK) for part in parts) + 2
    return -(-blocks * _TAR_BLOCK // _TAR_RECORD) * _TAR_RECORD


def digests_from_parts(parts: tuple[Part, ...]) -> tuple[PartDigest, ...]:
    ordered = sorted(parts, key=lambda part: part.name)
    return tuple(PartDigest(part.name, hashlib.sha256(part.data).hexdigest(), len(part.data)) for part in ordered)


def packed_from_stored(stored: bytes) -> bytes:
    """A body as it lies in the archive.

    Level 19 sees 8 MiB back; a larger body gets the whole window and long-distance matching, without which
    files that repeat each other further apart are stored twice (18 MB of Natural Earth: 4.5 MB against 2.2 MB).
    """
    import zstandard

    wide = {"window_log": MAX_WINDOW.bit_length() - 1, "enable_ldm": True} if len(stored) > LEVEL_WINDOW else {}
    settings = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, source_size=len(stored), write_checksum=True, write_content_size=True, **wide
    )
    frame = zstandard.ZstdCompressor(compression_params=settings).compress(stored)
    return frame + _seal(frame)


def _seal(frame: bytes) -> bytes:
    """A skippable frame, which every zstd tool passes over, with the sha256 of the frame before it.

    The hash a body is named by is of what it unpacks to, and a frame holds bits that unpack to the same whichever
    way they stand (the fifth byte's fourth bit, for one): without the seal a flipped one would go unseen.
    """
    return _SEAL + hashlib.sha256(frame).digest()


def proven_parts(path: Path, digest: str, parts: tuple[PartDigest, ...]) -> tuple[Part, ...]:
    """The parts of a stored body, unpacked within their known size and proven against their own hashes."""
    stored = _proven_stored(path, digest, stored_size(parts))
    found: tuple[Part, ...]
    if len(parts) == 1:
        found = (Part(parts[0].name, stored),)
    else:
        try:
            with tarfile.open(fileobj=io.BytesIO(stored), mode="r:", encoding="utf-8") as archive:
                files = [(entry.name, archive.extractfile(entry)) for entry in archive.getmembers() if entry.isreg()]
                found = tuple(Part(name, file.read()) for name, file in files if file is not None)
        except tarfile.TarError as error:
            raise Damaged(
                f"{path}: the body is not the archive its ledger line tells of ({error})", path=str(path)
            ) from error
    if digests_from_parts(found) != tuple(sorted(parts, key=lambda part: part.name)):
        raise Damaged(f"{path}: the body does not hold the parts its ledger line tells of", path=str(path))
    return found


def _proven_stored(path: Path, digest: str, size: int) -> bytes:
    import zstandard

    most = size + size // 128 + 1_024  # bytes that cannot be packed grow a little; anything more is not ours
    try:
        packed = path.read_bytes() if path.stat().st_size <= most else b""
    except FileNotFoundError as error:
        raise Damaged(f"{path}: the body is gone", path=str(path)) from error
    except OSError as error:
        raise Damaged(f"{path}: the body cannot be read ({error.strerror})", path=str(path)) from error
    frame = packed[:-_SEAL_BYTES]
    if packed[-_SEAL_BYTES:] != _seal(frame):
        raise Damaged(f"{path}: the body is not what was written: its seal is broken", path=str(path))
    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(frame) as reader:
            stored = reader.read(size + 1)
    except zstandard.ZstdError as error:
        raise Damaged(f"{path}: the body cannot be unpacked ({error})", path=str(path)) from error
    found = hashlib.sha256(stored).hexdigest()
    if len(stored) != size or found != digest:
        raise Damaged(
            f"{path}: the body is not what was written: "
            f"{len(stored)} bytes with sha256 {found}, not {size} with {digest}",
            path=str(path),
        )
    return stored
