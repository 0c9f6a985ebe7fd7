"""The ``boundary`` layer of the OpenMapTiles schema, which several basemaps use -> boundary lines.

``disputed_name`` and ``claimed_by`` come from zoom 5 on; ``claimed_by`` is the ISO code of an audience that wants to
see the line. Lines of admin level 3 and more are left out unless disputed (openmaptiles boundary.yaml, v3).
"""

from __future__ import annotations

from borderwatch.errors import SchemaChanged
from borderwatch.formats.vector_tile import Properties, TileFeature
from borderwatch.models import Feature, LineStyle, Role

LAYER = "boundary"


def is_boundary(_layer: str, properties: Properties) -> bool:
    """Whether a feature is a line between countries, or a disputed one; ``SchemaChanged`` without an admin level."""
    if "class" in properties:  # aboriginal lands, which came into this layer with v3.15
        return False
    level = properties.get("admin_level")
    if not isinstance(level, int | float):
        raise SchemaChanged(
            f"boundary: no admin_level, but {sorted(properties)[:12]}: the schema has changed", words=("admin_level",)
        )
    return level <= 2 or bool(_flag(properties, "disputed"))


def boundary_from_openmaptiles(raw: TileFeature) -> Feature:
    """One line in the schema's own words."""
    said = raw.properties
    disputed, maritime = _flag(said, "disputed"), _flag(said, "maritime")
    sides = [str(said[side]) for side in ("adm0_l", "adm0_r") if said.get(side)]
    word = f"admin_level={said['admin_level']:g}" + " disputed" * disputed + " maritime" * maritime
    return Feature(
        raw.geometry,
        name=str(said.get("disputed_name") or "") or " - ".join(sides) or None,
        role=Role.BOUNDARY,
        style=LineStyle.DASHED if disputed else LineStyle.SOLID,
        word=word,
        words={name: str(said[name]) for name in ("claimed_by", "disputed_name") if said.get(name)},
    )


def _flag(properties: Properties, name: str) -> bool:
    value = properties.get(name, 0)
    if value not in (0, 1):
        raise SchemaChanged(f"boundary: {name} is {value!r}, not 0 or 1: the schema has changed", words=(str(value),))
    return bool(value)
