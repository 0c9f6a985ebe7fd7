"""Two texts that differ: another name, or the same one spelt otherwise."""

from __future__ import annotations

import difflib
import re
import unicodedata

from borderwatch.models import Significance

# Two spellings of one name share this much of their letters; "Palestine" and "Palestinian Territories" do not.
SPELLING = 0.8
# Left out where a name is cut short.
SMALL_WORDS = frozenset({"and", "of", "the"})
# Letters of which the likeness is still measured, as time grows with their square; real names stay below 120.
LONGEST = 300
# So many letters more are a word, not an article or an ending.
WORD = 3


def told(old: str, new: str) -> Significance:
    """Another name is told as substantive; another spelling of the same one (case, accents, a letter) as minor."""
    a, b = _plain(old), _plain(new)
    if a == b or _abbreviated(old, new) or _abbreviated(new, old):
        return Significance.MINOR
    short, long = sorted((a, b), key=lambda text: (len(text), text))  # the same read from either side
    if short in long and len(long) - len(short) >= WORD:
        return Significance.SUBSTANTIVE  # a word came or went: Mazedonien, Nordmazedonien
    if len(long) > LONGEST:
        return Significance.SUBSTANTIVE
    alike = difflib.SequenceMatcher(None, short, long, autojunk=False).ratio()
    return Significance.MINOR if alike >= SPELLING else Significance.SUBSTANTIVE


def _abbreviated(short: str, long: str) -> bool:
    """Whether one is the other with words cut short: "W. Sahara", "Dem. Rep. Congo", "Western_Sahara"."""
    a, b = (re.findall(r"\w+\.?", text.casefold().replace("_", " ")) for text in (short, long))
    b = [word for word in b if word not in SMALL_WORDS]
    pairs = zip(a, b, strict=False)
    return len(a) == len(b) and all(x == y or (x.endswith(".") and y.startswith(x[:-1])) for x, y in pairs)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if c.isalnum())
