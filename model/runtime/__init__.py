"""The scorer that travels inside every registered model: numpy, PyStemmer, CLD2 and py3langid, no other package.

A version with a second model needs more: onnxruntime and tokenizers, or what a user's own model needs.

A registered version carries a copy of these files and loads them under a name of its own, so it goes on
working when the installed package changes or is absent. Modules here import each other relatively, only.
"""

from . import drift
from .cascade import Cascade
from .scorer import LANGUAGES, Scorer
from .scores import LABELS

# The version of a bundle's folder, whatever it consists of.
load = Cascade.load

__all__ = ["LABELS", "LANGUAGES", "Cascade", "Scorer", "drift", "load"]
