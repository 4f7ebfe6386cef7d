"""A year of settlements of a province, made up from a seed, with abuse and innocents planted in it.

It knows nothing of the rules that look for abuse: what is planted follows the words of the law and of the notices, and
the innocents what physicians and hospitals do. No person or hospital in it exists.
"""

from streams.simulate_year.planted import RULES, Planted
from streams.simulate_year.scan import Codes
from streams.simulate_year.year import Year

__all__ = ["RULES", "Codes", "Planted", "Year"]
