"""The surname (姓) of a Chinese name, which is all the notices order published of it.

Source: 浙医保发〔2021〕31号, 四: 患者的姓（不含名）.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final
from unicodedata import normalize

MASK: Final = "＊"
"""Stands for a name whose surname cannot be told apart: not Chinese, or not of 2 to 6 characters."""

# The property Unified_Ideograph (Unicode 17), all extensions, and the numeral 〇.
_HAN: Final = (
    "\u3007\u3400-\u4dbf\u4e00-\u9fff"
    "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"
    "\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81d\U0002b820-\U0002cead\U0002ceb0-\U0002ebe0"
    "\U0002ebf0-\U0002ee5d\U00030000-\U0003134a\U00031350-\U000323af\U000323b0-\U00033479"
)
_PLAIN_NAME: Final = re.compile(f"[{_HAN}]{{2,6}}")
_SHORTEST_WITH_COMPOUND: Final = 3


def _compound_surnames() -> tuple[tuple[int, frozenset[str]], ...]:
    """The table by length, the longest first."""
    text = files(__package__).joinpath("compound_surnames.txt").read_text(encoding="utf-8")
    names = [name for line in text.splitlines() if not line.startswith("#") for name in line.split()]
    lengths = sorted({len(name) for name in names}, reverse=True)
    return tuple((length, frozenset(name for name in names if len(name) == length)) for length in lengths)


_COMPOUND: Final = _compound_surnames()


def _common_surnames() -> frozenset[str]:
    text = files(__package__).joinpath("common_surnames.txt").read_text(encoding="utf-8")
    return frozenset(surname for line in text.splitlines() if not line.startswith("#") for surname in line.split())


_COMMON: Final = _common_surnames()


def is_common(surname: str) -> bool:
    """Whether it is one of the hundred that most people bear; no compound one is.

    Source: 公安部户政管理研究中心, 二〇二〇年全国姓名报告.
    """
    return surname in _COMMON


def split_name(name: str) -> tuple[str, str]:
    """(surname, given name) of a plain Han name of 2 to 6 characters, else (`＊`, ""). Lengths are in code points."""
    plain = "".join(normalize("NFKC", name).split())
    if _PLAIN_NAME.fullmatch(plain) is None:
        return MASK, ""
    if len(plain) >= _SHORTEST_WITH_COMPOUND:
        for length, table in _COMPOUND:
            if length < len(plain) and plain[:length] in table:
                return plain[:length], plain[length:]
    return plain[0], plain[1:]
