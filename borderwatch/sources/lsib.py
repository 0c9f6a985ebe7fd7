"""Large Scale International Boundaries: the lines the US State Department draws, and how sure it is of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.arcgis import LINES, FeatureServiceSource, Wanted
from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, LineStyle, Role, Terms

if TYPE_CHECKING:
    from borderwatch.formats.arcgis import Layer
    from borderwatch.formats.features import RawFeature

_RANKS = MappingProxyType(
    {
        "1": ("International Boundary", LineStyle.SOLID),
        "2": ("Other Line of International Separation", LineStyle.DASHED),
        "3": ("Special Line", LineStyle.SOLID),
    }
)
"""RANK -> its words, and how the service's own drawing (its REST page) draws it: rank 3 solid but thin."""


class Lsib(FeatureServiceSource):
    """Lines only, no areas: whose the ground on either side is stands in the words COUNTRY1 and COUNTRY2.

    Asked is the copy among the National Geospatial Data Assets, the only one that can be asked in part. The lines
    hold 4.3 million vertices, most within 100 m of their true place (so the metadata); the server is asked to leave
    out those within 0.0005 degrees (55 m).
    """

    name = "lsib"
    title = "LSIB, US State Department"
    watches = "which boundaries the United States draws, which it calls another line of separation, and their labels"
    terms = Terms(
        licence="public domain (work of the US Government)",
        attribution="Large Scale International Boundaries, Office of the Geographer, US Department of State",
        url="https://catalog.data.gov/dataset/large-scale-international-boundaries",
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"": "boundary lines with their rank, status, label and notes"})
    resolution_km = MappingProxyType({"": 0.5})
    service = "https://services2.arcgis.com/FiaPA4ga0iQKduv3/ArcGIS/rest/services/ngda_intb_v1/FeatureServer"
    wanted = MappingProxyType(
        {"": (Wanted("lines", r"^LSIB", 0, LINES, ("RANK", "COUNTRY1", "COUNTRY2"), fewest=300, offset_deg=0.0005),)}
    )
    proven = "documented shape: the layer's own REST page and the dataset's description; replayed over HTTP"
    first_contact = (
        "that STATUS and LABEL stand beside RANK, some 400 lines, and whether the copy's last edit is as new as "
        "the edition at data.geodata.state.gov/LSIB.gpkg"
    )

    def feature(self, fields: Mapping[str, str], raw: RawFeature, wanted: Wanted, layer: Layer) -> Feature:
        rank = fields.get("RANK", "").removesuffix(".0")
        if rank not in _RANKS:
            raise SchemaChanged(
                f"lsib: unknown RANK {rank!r} of the line {fields.get('COUNTRY1')} - {fields.get('COUNTRY2')}; known: "
                f"{', '.join(_RANKS)}",
                words=(rank,),
            )
        status, style = _RANKS[rank]
        sides = [fields.get("COUNTRY1"), fields.get("COUNTRY2")]
        return Feature(
            raw.geometry,
            code=" - ".join(side for side in (fields.get("CC1"), fields.get("CC2")) if side) or None,
            name=" - ".join(side for side in sides if side) or None,
            role=Role.BOUNDARY,
            style=style,
            word=fields.get("STATUS", status),
            # Present though empty: a label that comes or goes is told, a column that comes is not.
            words={name: fields.get(name, "") for name in ("LABEL", "NOTES") if name in layer.fields},
        )
