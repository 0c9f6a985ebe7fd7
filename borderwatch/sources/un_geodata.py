"""UN Geodata, simplified: countries, areas and boundaries as United Nations maps are to show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.arcgis import AREAS, LINES, FeatureServiceSource, Wanted
from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, LineStyle, Role, Terms
from borderwatch.owners import owner

if TYPE_CHECKING:
    from borderwatch.formats.arcgis import Layer
    from borderwatch.formats.features import RawFeature

_STATUS = MappingProxyType(
    {
        "0": "Antarctica",
        "1": "State",
        "2": "Occupied Palestinian Territory",
        "3": "Non-Self Governing Territory",
        "4": "Territory",
        "5": "Special Region or Province",
        "99": "Undetermined",
    }
)
"""``stscod``, in the words of the data set's description (Earth Engine's catalogue)."""
_UNDETERMINED = "99"

_LINES = MappingProxyType(
    {
        "1": ("international boundary", LineStyle.SOLID),
        "2": ("mandate boundary", LineStyle.DASHED),
        "3": ("undetermined boundary", LineStyle.DASHED),
        "4": ("other line of separation", LineStyle.DASHED),
        "99": ("construction line", LineStyle.NOT_DRAWN),
    }
)
"""``bdytyp``. No codebook is published: the words are those users of the service give each; 4 is drawn dotted."""


class UnGeodata(FeatureServiceSource):
    """Made for world maps from a base of 1:25 million.

    An area whose sovereignty is undetermined (``stscod`` 99) has a code of the UN's own, in small letters (``xjk``),
    or a country's. ``isoclr`` is whose colour the UN fills it with: that is who it is drawn as.
    """

    name = "un_geodata"
    title = "UN Geodata simplified, United Nations Geospatial"
    watches = "whom UN maps give each ground to, which areas they call undetermined, and which lines they break"
    terms = Terms(
        licence="UN Geodata terms: no commercial use, credit required, may be revoked",
        attribution="United Nations Geospatial",
        url="https://geoportal.un.org/arcgis/home/item.html?id=fa74ef8499094e41bf0d025006e37fc9",
        ship=False,
    )
    every = timedelta(days=7)
    layers = MappingProxyType(
        {"areas": "countries and areas with their status", "lines": "international boundaries and limits by type"}
    )
    resolution_km = MappingProxyType({"areas": 8.0, "lines": 8.0})
    owner_words = MappingProxyType({"xpi": "paracel", "xPI": "paracel"})
    service = "https://pro-ags2.dfs.un.org/arcgis/rest/services/Hosted/UN_Geodata_simplified/FeatureServer"
    wanted = MappingProxyType(
        {
            "areas": (Wanted("areas", r"^BNDA", 2, AREAS, ("ISO3CD", "STSCOD"), fewest=200),),
            # Type 0 is the coast, which is most of the bytes and no boundary.
            "lines": (
                Wanted(
                    "lines",
                    r"^BNDL",
                    1,
                    LINES,
                    ("ISO3CD", "BDYTYP"),
                    fewest=150,
                    where="bdytyp <> 0 OR bdytyp IS NULL",
                ),
            ),
        }
    )
    proven = "documented shape: fields, layers and codes as published users of the service read them; replayed"
    first_contact = (
        "the address (geoportal.un.org names the present one under item fa74ef8499094e41bf0d025006e37fc9), the layers' "
        "names, and the words the service itself gives to bdytyp"
    )

    def feature(self, fields: Mapping[str, str], raw: RawFeature, wanted: Wanted, layer: Layer) -> Feature | None:
        return _line(fields, raw, layer) if wanted.key == "lines" else _area(fields, raw)


def _area(fields: Mapping[str, str], raw: RawFeature) -> Feature:
    status = fields.get("STSCOD", "").removesuffix(".0")
    code = fields.get("ISO3CD")
    if status not in _STATUS:
        raise SchemaChanged(
            f"un_geodata: unknown stscod {status!r} of {code}; known: {', '.join(_STATUS)}", words=(status,)
        )
    filled_as = fields.get("ISOCLR", "")
    # A fill code of the UN's own (`xjk`, `XXX`) is nobody's colour: such an area speaks for itself.
    by_colour = status == _UNDETERMINED and filled_as != code and not owner(filled_as).startswith("?")
    return Feature(
        raw.geometry,
        code=code,
        name=fields.get("NAM_EN") or fields.get("ROMNAM") or fields.get("LBL_EN"),
        owner=filled_as if by_colour else None,
        word=_STATUS[status],
        names={"fr": fields["NAME_FR"]} if "NAME_FR" in fields else {},
        words={name: fields[name] for name in ("ADMISO", "ISOCLR", "LBL_EN", "STSCOD") if name in fields},
    )


def _line(fields: Mapping[str, str], raw: RawFeature, layer: Layer) -> Feature:
    kind = fields.get("BDYTYP", "").removesuffix(".0")
    told = layer.legend.get(kind) if layer.legend_field == "BDYTYP" else None
    if kind in _LINES:
        word, style = _LINES[kind]
    elif told is not None and told.style is not None:
        word, style = told.label, told.style  # a type new to us that the service's own legend explains
    else:
        raise SchemaChanged(
            f"un_geodata: unknown bdytyp {kind!r} of the line {fields.get('ISO3CD')}; known: {', '.join(_LINES)}",
            words=(kind,),
        )
    return Feature(
        raw.geometry,
        code=fields.get("ISO3CD"),
        name=" - ".join(side for side in fields.get("ISO3CD", "").split("_") if side) or None,
        role=Role.BOUNDARY,
        style=style,
        word=word,
    )
