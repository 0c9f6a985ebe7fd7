"""Gzipped bytes -> the bytes, within a bound: no bomb, no half of a file."""

from __future__ import annotations

import zlib

from borderwatch.errors import Malformed, TooLarge


def gunzipped(data: bytes, max_bytes: int, what: str) -> bytes:
    """Unpack one gzip stream; ``Malformed`` where it is damaged or cut, ``TooLarge`` above ``max_bytes``."""
    engine = zlib.decompressobj(wbits=31)
    try:
        plain = engine.decompress(data, max_bytes)
    except zlib.error as error:
        raise Malformed(f"{what}: a damaged gzip ({error})") from None
    if engine.unconsumed_tail:
        raise TooLarge(f"{what} unpacks to more than {max_bytes:,} bytes")
    if not engine.eof:
        raise Malformed(f"{what}: its gzip is cut")
    return plain
