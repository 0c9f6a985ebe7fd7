"""Makes the catalogue's derived data from pinned, published packages."""
