"""Words in any script: what the full-text index is given, and what it is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"  # kana, Han
)
"""Letters of scripts written without spaces, whose words the search index cannot find by itself."""

GRAM = 3
"""Such runs are indexed in pieces of 1 to 3 letters: most place names in Han script have 2 or 3."""

MOST_TERMS = 64
"""Words asked for at once; no summary has more, and what comes from outside is bounded."""


def grams_from_texts(texts: Iterable[str | None]) -> str | None:
    """Pieces of the unspaced runs in ``texts``, and what stands glued to them; None where there are none."""
    pieces: dict[str, None] = {}
    for word in " ".join(text for text in texts if text).split():
        if UNSPACED.search(word):
            for run in UNSPACED.findall(word):
                pieces |= {run[i : i + n]: None for n in range(1, GRAM + 1) for i in range(len(run) - n + 1)}
            pieces |= dict.fromkeys(UNSPACED.sub(" ", word).split())
    return " ".join(pieces) or None


def query_from_text(text: str) -> str | None:
    """The FTS5 query for all the words in ``text``, none of which can be syntax; None where it has no word.

    A word that ends in ``*`` stands for every word that begins so.
    """
    terms: dict[str, None] = {}
    for word in text.replace("\0", " ").split():
        for run in UNSPACED.findall(word):
            terms |= {f'"{run[i : i + GRAM]}"': None for i in range(max(1, len(run) - GRAM + 1))}
        for piece in UNSPACED.sub(" ", word).split():
            if any(letter.isalnum() for letter in piece):
                quoted = piece.rstrip("*").replace('"', '""')
                terms[f'"{quoted}"' + ("*" if piece.endswith("*") else "")] = None
    return " AND ".join(islice(terms, MOST_TERMS)) or None
