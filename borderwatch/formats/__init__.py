"""Readers, bytes -> features, for any source; no source's name, no network, no store."""
