"""Polite HTTP; the only importer of requests and urllib3, and all the network a source is given."""

from __future__ import annotations

from borderwatch.fetch.client import Answer, Client, Fetch
from borderwatch.fetch.probing import ProbingClient, Seen

__all__ = ["Answer", "Client", "Fetch", "ProbingClient", "Seen"]
