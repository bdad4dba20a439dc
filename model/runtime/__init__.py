"""The scorer that travels inside every registered model: numpy, PyStemmer, CLD2 and py3langid, no other package.

A registered version carries a copy of these files and loads them under a name of its own, so it goes on
working when the installed package changes or is absent. Modules here import each other relatively, only.
"""

from . import drift
from .scorer import LABELS, LANGUAGES, Scorer

__all__ = ["LABELS", "LANGUAGES", "Scorer", "drift"]
