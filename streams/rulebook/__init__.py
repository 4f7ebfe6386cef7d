"""Price, coverage, benefit and disclosure rules of PET-CT examinations, dated, each with the clause it comes from."""

from streams.rulebook.errors import Mistake, RulebookError
from streams.rulebook.index import Rulebook
from streams.rulebook.loader import load_rulebook

__all__ = ["Mistake", "Rulebook", "RulebookError", "load_rulebook"]
