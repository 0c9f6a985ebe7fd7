"""What a source is, and what it is given: the contract every file in ``sources/`` keeps."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from borderwatch.errors import Refused
from borderwatch.models import Archived, Body, Edition, Finding, Reading, Snapshot, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch


class Source(ABC):
    """One map, data set or platform that can be asked. The file's name is the source's ``name``.

    ``layers`` maps each layer or scale to what it is in a few words ("" where there is one only).
    ``resolution_km`` gives, by layer, the finest inscribed radius the layer can be trusted to show;
    ``owner_words`` resolves words only this source uses to owner identities (see ``owners``).
    ``watches`` says in one line what a reader gets from it; ``proven`` how the collector was proven
    (live, recorded, documented shape) and ``first_contact`` what to check when it first meets the
    real service.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    watches: ClassVar[str]
    terms: ClassVar[Terms]
    every: ClassVar[timedelta]
    every_by_layer: ClassVar[Mapping[str, timedelta]] = MappingProxyType({})
    """The cadence of a layer that is asked more or less often than ``every``."""
    worldviews: ClassVar[tuple[str, ...]] = ("default",)
    layers: ClassVar[Mapping[str, str]] = MappingProxyType({"": ""})
    resolution_km: ClassVar[Mapping[str, float]] = MappingProxyType({})
    owner_words: ClassVar[Mapping[str, str]] = MappingProxyType({})
    key_variable: ClassVar[str | None] = None
    """The environment variable that holds the user's key; without one the source is off."""
    proven: ClassVar[str] = ""
    first_contact: ClassVar[str] = ""

    def views(self) -> tuple[View, ...]:
        """Every view of this source, each of which has its own past."""
        return tuple(View(self.name, worldview, layer=layer) for worldview in self.worldviews for layer in self.layers)

    @property
    def lacks_key(self) -> bool:
        """Whether this service wants a key and none is set."""
        return self.key_variable is not None and not os.environ.get(self.key_variable, "").strip()

    def key(self) -> str:
        """The user's key, read when it is needed and held nowhere; ``Refused`` says which variable to set."""
        key = os.environ.get(self.key_variable or "", "").strip()
        if not key:
            raise Refused(f"{self.name} wants a key of yours: set the environment variable {self.key_variable}")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise Refused(f"{self.key_variable} holds characters that no key has: set it to the key alone")
        return key

    def cadence(self, view: View) -> timedelta:
        """How often this view is asked."""
        return self.every_by_layer.get(view.layer, self.every)

    def archived(self, view: View) -> tuple[Archived, ...]:
        """Addresses whose copies in a public web archive ``read`` can read as this view; none by default.

        Declaring one lets the past of a page nobody versions be captured as the archive kept it.
        """
        return ()

    @abstractmethod
    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        """Ask for what the source shows now, or showed in ``edition``; the bytes as they came.

        The only method that may use the network, and only through ``fetch``. Raises a
        ``CaptureProblem`` that says what happened, or ``NotModified`` where the source says that
        ``fetch.known`` (the last good capture of this view) still stands.
        """

    @abstractmethod
    def read(self, snapshot: Snapshot) -> Reading:
        """What the bytes say, in the source's own words. Pure: same bytes, same answer.

        A word the reader does not know raises ``SchemaChanged`` naming it.
        """

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The dated editions that can be asked for, oldest first; none by default."""
        return ()

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """What the service offers against what the reader expects; asks for capabilities, never for a whole map.

        What asks here is let ask a few questions and read the beginning of each answer, then it is stopped by
        ``Enough``, which is no failure. By default the first view is captured until that happens.
        """
        view = self.views()[0]
        body = self.capture(view, fetch)
        size = sum(len(part.data) for part in body.parts)
        return (Finding(f"{view} whole", "what a probe may ask for", f"{len(body.parts)} files, {size:,} bytes", True),)
