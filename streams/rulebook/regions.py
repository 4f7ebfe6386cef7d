"""Division codes: which city and which province a region lies in, and where its rules are looked for.

Only the shape of a code matters: a pool code such as 320399 is legal although it is no GB/T 2260 division.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

MUNICIPALITIES: Final = frozenset({"11", "12", "31", "50"})
"""Beijing, Tianjin, Shanghai, Chongqing: one city each, all districts in one pool."""


def province_of(region: str) -> str:
    return region[:2] + "0000"


def city_of(region: str) -> str:
    """The city a six-digit region lies in; of a province's own code, the province.

    >>> city_of("330102"), city_of("310115")
    ('330100', '310000')
    """
    return province_of(region) if region[:2] in MUNICIPALITIES else region[:4] + "00"


# Regions come from events: bounded, since a hostile producer could send a million of them.
@lru_cache(maxsize=8192)
def lookup_chain(region: str) -> tuple[str, ...]:
    """District, city, province: the most specific first, each once.

    >>> lookup_chain("330102"), lookup_chain("310000")
    (('330102', '330100', '330000'), ('310000',))
    """
    return tuple(dict.fromkeys((region, city_of(region), province_of(region))))
