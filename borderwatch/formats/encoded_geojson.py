"""GeoJSON whose rings are encoded strings (``UTF8Encoding``), as JSON or inside a script: bytes -> features.

Every two characters are one position: code less 64, zigzag, added to the one before, over 1,024
degrees. GDAL reads such a file as no features and no error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from borderwatch.errors import Malformed
from borderwatch.formats.features import RawFeature, json_from_javascript, parsed_json
from borderwatch.formats.geojson import features_from_geojson_object

_SCALE = 1024.0


def features_from_encoded_geojson(data: bytes) -> list[RawFeature]:
    """The features, decoded where the file says it is encoded and as they are where it does not.

    ``define(function() { return {...}; })``, ``module.exports = {...}``, ``export default {...}`` are looked through.
    """
    head = data[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"{", b"<", b"") or head.startswith(b"version https"):
        value = parsed_json(data, "encoded GeoJSON")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Malformed(f"encoded GeoJSON: not UTF-8 text ({error.reason} at byte {error.start})") from None
        starts = [at for word in ("return ", "module.exports", "export default") if (at := text.find(word)) >= 0]
        if not starts:
            raise Malformed(f"encoded GeoJSON: neither JSON nor a script that returns it: {text[:60]!r}")
        value = json_from_javascript(text, min(starts), len(text), "encoded GeoJSON")
    return features_from_geojson_object(decoded(value))


def decoded(value: Any) -> Any:
    """A parsed collection with every encoded ring as positions."""
    if not isinstance(value, dict) or not value.get("UTF8Encoding"):
        return value
    scale = value.get("UTF8Scale") or _SCALE
    if not isinstance(scale, (int, float)) or isinstance(scale, bool):
        raise Malformed(f"encoded GeoJSON: UTF8Scale {scale!r} is not a number")
    features = value.get("features")
    if not isinstance(features, list):
        raise Malformed("encoded GeoJSON: no list of features")
    return {**value, "UTF8Encoding": False, "features": [_feature(f, i, scale) for i, f in enumerate(features)]}


def _feature(feature: Any, i: int, scale: float) -> Any:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or "encodeOffsets" not in geometry:
        return feature
    what = f"feature {i}"
    plain = {
        "type": geometry.get("type"),
        "coordinates": _nested(geometry.get("coordinates"), geometry["encodeOffsets"], what, scale),
    }
    return {**feature, "geometry": plain}


def _nested(coordinates: Any, offsets: Any, what: str, scale: float) -> Any:
    """Rings and offsets run in parallel, at whatever depth the type has them."""
    if isinstance(coordinates, str):
        return _ring(coordinates, offsets, what, scale)
    if not isinstance(coordinates, list) or not isinstance(offsets, list) or len(coordinates) != len(offsets):
        raise Malformed(f"{what}: encoded rings without an offset each")
    return [_nested(c, o, what, scale) for c, o in zip(coordinates, offsets, strict=True)]


def _ring(text: str, offset: Any, what: str, scale: float) -> list[list[float]]:
    codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2").astype(np.int64) - 64
    if len(codes) % 2 or not isinstance(offset, list) or len(offset) != 2:
        raise Malformed(f"{what}: an encoded ring of {len(codes)} characters with offset {offset!r}")
    steps = ((codes >> 1) ^ -(codes & 1)).reshape(-1, 2)
    try:
        walked = np.cumsum(np.vstack([np.asarray(offset, dtype=np.int64), steps]), axis=0)[1:]
    except (TypeError, ValueError):
        raise Malformed(f"{what}: an encoded ring with offset {offset!r}") from None
    ring: list[list[float]] = (walked / scale).tolist()
    return ring
