"""What services say in XML: OGC exceptions, the layers of a WFS, the objects of a bucket; no source, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from borderwatch.errors import Malformed, Partial, SchemaChanged, TooLarge

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 8 * 1024 * 1024  # capabilities of a large GeoServer are about 1 MB
_HEAD = 2048
_REPORTS = (b"ExceptionReport", b"ServiceExceptionReport")


def exception_from_xml(data: bytes) -> str | None:
    """What an OGC exception report says (OWS 1.0 and 1.1, WMS and WFS 1.0), on one line; None for anything else.

    GeoServer sends one with status 400, and some with status 200 where data was asked for.
    """
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith(b"<") or not any(report in head for report in _REPORTS):
        return None
    try:
        root = _parsed(data, "exception report")
    except (Malformed, TooLarge):
        return "an exception report that is not well-formed"
    if not _local(root).endswith("ExceptionReport"):
        return None
    said = []
    for element in root.iter():
        if _local(element) in {"Exception", "ServiceException"}:
            code = element.get("exceptionCode") or element.get("code") or ""
            locator = element.get("locator") or ""
            text = " ".join("".join(element.itertext()).split())
            said.append(": ".join(part for part in (" at ".join(p for p in (code, locator) if p), text) if part))
    return "; ".join(said) or "an exception without a text"


def layer_titles_from_capabilities(data: bytes, what: str) -> dict[str, str]:
    """The title of every feature type a WFS announces, by its name with its workspace."""
    root = _parsed(data, what)
    if _local(root) != "WFS_Capabilities":
        raise SchemaChanged(f"{what}: a document {_local(root)!r}, not WFS_Capabilities", words=(_local(root),))
    titles = {}
    for feature_type in root.iter():
        if _local(feature_type) == "FeatureType":
            texts = {_local(child): " ".join((child.text or "").split()) for child in feature_type}
            if texts.get("Name"):
                titles[texts["Name"]] = texts.get("Title", "")
    return titles


def hits_from_xml(data: bytes, what: str) -> int:
    """How many features a WFS 2.0 has for a question asked with ``resultType=hits``."""
    root = _parsed(data, what)
    matched = root.get("numberMatched", "")
    if _local(root) != "FeatureCollection" or not matched.isdecimal():
        raise SchemaChanged(f"{what}: {_local(root)!r} without a numberMatched", words=("numberMatched",))
    return int(matched)


class StoredObject(NamedTuple):
    """One object of a bucket."""

    key: str
    size: int
    etag: str


def objects_from_bucket_listing(data: bytes, what: str) -> list[StoredObject]:
    """The objects in an answer to ListObjectsV2; ``Partial`` where the listing goes on in another answer."""
    root = _parsed(data, what)
    if _local(root) != "ListBucketResult":
        raise SchemaChanged(f"{what}: a document {_local(root)!r}, not ListBucketResult", words=(_local(root),))
    found = []
    for element in root:
        if _local(element) == "IsTruncated" and (element.text or "").strip() == "true":
            raise Partial(f"{what}: the listing goes on, and only its beginning was asked for")
        if _local(element) == "Contents":
            texts = {_local(child): (child.text or "").strip() for child in element}
            if not texts.get("Key") or not texts.get("Size", "").isdecimal():
                raise SchemaChanged(f"{what}: an object without Key and Size", words=("Key", "Size"))
            found.append(StoredObject(texts["Key"], int(texts["Size"]), texts.get("ETag", "")))
    return found


def _parsed(data: bytes, what: str) -> Element:
    """The root of a document; one that declares a type or entities is refused: they can grow without bound."""
    from xml.etree import ElementTree as ET

    if len(data) > MAX_BYTES:
        raise TooLarge(f"{what}: {len(data):,} bytes of XML; at most {MAX_BYTES:,} are read")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise Malformed(f"{what}: XML with a document type of its own, which no OGC service sends")
    try:
        return ET.fromstring(data)  # noqa: S314 - no document type, so no entities; the size is bounded above
    except ET.ParseError as error:
        raise Malformed(f"{what}: not well-formed XML ({error})") from None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
