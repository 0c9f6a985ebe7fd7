"""World Bank Official Boundaries, medium resolution: countries, areas of no determined status, and line styles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.arcgis import AREAS, LINES, FeatureServiceSource, Wanted
from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, LineStyle, Role, Terms

if TYPE_CHECKING:
    from borderwatch.formats.arcgis import Layer
    from borderwatch.formats.features import RawFeature

_STYLES = MappingProxyType(
    {
        "": LineStyle.SOLID,
        "Solid": LineStyle.SOLID,
        "Dashed": LineStyle.DASHED,
        "Tightly Dashed": LineStyle.DASHED,
        "Dotted": LineStyle.DASHED,
    }
)
"""``Style``, the Bank's drawing instruction for a stretch of boundary; null is solid."""

NOT_DETERMINED = "non-determined legal status area"


class WorldBank(FeatureServiceSource):
    """The Bank leaves ground it gives to no country out of its countries, and puts it into a layer of its own.

    Both are read as one map. ``ISO_A3`` is the Bank's own code where ISO has none (``KSV``); lines have no names.
    """

    name = "world_bank"
    title = "World Bank Official Boundaries"
    watches = "whom the World Bank gives each ground to, what it leaves undetermined, and which lines it breaks"
    terms = Terms(
        licence="CC BY 4.0",
        attribution="World Bank Official Boundaries, The World Bank",
        url="https://datacatalog.worldbank.org/search/dataset/0038272",
    )
    every = timedelta(days=7)
    layers = MappingProxyType(
        {"areas": "countries, and areas of no determined legal status", "lines": "boundaries with their style"}
    )
    # Its lines lie up to 2 km off those of the Bank's own 1:10 million map (so a builder of both measured).
    resolution_km = MappingProxyType({"areas": 2.0, "lines": 2.0})
    owner_words = MappingProxyType({"ROM": "RO", "TMP": "TL", "ZAR": "CD", "ADO": "AD", "WBG": "PS", "IMY": "IM"})
    service = "https://services.arcgis.com/iQ1dY19aHwbSDYIF/ArcGIS/rest/services/WB_GAD_Medium_Resolution/FeatureServer"
    wanted = MappingProxyType(
        {
            "areas": (
                Wanted("countries", r"^WB_GAD_ADM0$", 5, AREAS, ("ISO_A3", "NAM_0"), fewest=200, offset_deg=0.001),
                Wanted("disputes", r"^WB_GAD_Disputes$", 6, AREAS, ("NAM_0",), fewest=15, offset_deg=0.001),
            ),
            "lines": (Wanted("lines", r"^WB_GAD_ADM0_Bdys$", 0, LINES, ("STYLE",), fewest=300),),
        }
    )
    proven = "documented shape: the service's REST pages (layers, fields, counts) and its published users; replayed"
    first_contact = "262 countries, 34 areas, 452 lines and their styles were there; what the 34 areas are called"

    def feature(self, fields: Mapping[str, str], raw: RawFeature, wanted: Wanted, layer: Layer) -> Feature:
        if wanted.key == "lines":
            return _line(fields, raw)
        apart = wanted.key == "disputes"
        return Feature(
            raw.geometry,
            # A disputed area may bear the code of one who claims it; its name says what it is.
            code=None if apart else fields.get("ISO_A3") or fields.get("WB_A3"),
            name=(fields.get("NAM_0_ALT") if apart else None) or fields.get("NAM_0"),
            word=NOT_DETERMINED if apart else fields.get("WB_STATUS"),
            words={name: fields[name] for name in ("ISO_A3", "NAM_0_ALT", "WB_A3", "WB_STATUS") if name in fields},
        )


def _line(fields: Mapping[str, str], raw: RawFeature) -> Feature:
    style = fields.get("STYLE", "")
    if style not in _STYLES:
        raise SchemaChanged(
            f"world_bank: unknown Style {style!r} of a line; known: {', '.join(filter(None, _STYLES))}", words=(style,)
        )
    return Feature(raw.geometry, role=Role.BOUNDARY, style=_STYLES[style], word=style or None)
