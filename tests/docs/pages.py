"""The pages of this repository taken apart: each fenced block, where it stands, and what its page says of running it.

A comment right before a block, or `… on this page: …` before all of them, says why it is not run here:

    <!-- not run: needs Docker -->
    <!-- run by tests/contract/test_nhsa_docs.py -->

Blocks without one are run (shell, Python) or parsed and validated (JSON, YAML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

CHECKOUT: Final = Path(__file__).parents[2]
SHELL: Final = frozenset({"sh", "console"})
NOT_RUN: Final = "not run: "
RUN_BY: Final = "run by "
_COMMENT: Final = re.compile(r"<!-- ((?:not run|run by)\b.*?) -->")
_USAGE: Final = re.compile(r"\$ petct( [a-z-]+)*( \[OPTIONS\].*)?\n")
_ON_THIS_PAGE: Final = re.compile(r"(not run|run by) on this page(?::)? (.*)")


@dataclass(frozen=True, slots=True)
class Block:
    """`page` is relative to the checkout, `line` that of the opening fence, `marker` what the comment says or empty."""

    page: str
    line: int
    language: str
    text: str
    marker: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_shell(self) -> bool:
        return self.language in SHELL

    @property
    def is_usage(self) -> bool:
        """What the generator of docs/cli.md writes of a command, its arguments in brackets: nothing to run."""
        return _USAGE.fullmatch(self.text) is not None

    @property
    def is_run_here(self) -> bool:
        return (self.is_shell or self.language == "python") and not self.marker and not self.is_usage

    @property
    def not_run(self) -> str:
        """The reason, or empty."""
        return self.marker.removeprefix(NOT_RUN) if self.marker.startswith(NOT_RUN) else ""

    @property
    def run_by(self) -> str:
        """The file that runs it, or empty."""
        return self.marker.removeprefix(RUN_BY) if self.marker.startswith(RUN_BY) else ""


def paths() -> list[Path]:
    """Every page there is, whether or not somebody thought of it: so none is forgotten."""
    found = [*CHECKOUT.glob("*.md")]
    for folder in ("docs", "examples", "ops", "schemas"):
        found += CHECKOUT.joinpath(folder).rglob("*.md")
    return sorted(found)


@cache
def blocks() -> tuple[Block, ...]:
    return tuple(block for path in paths() for block in blocks_of(name(path), path.read_text("utf-8")))


def name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def blocks_of(page: str, text: str) -> Iterator[Block]:
    default = last = ""
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "html_block":
            (said,) = _COMMENT.findall(token.content) or [""]
            if of_page := _ON_THIS_PAGE.fullmatch(said):
                default = f"{of_page[1]}: {of_page[2]}" if of_page[1] == "not run" else f"{of_page[1]} {of_page[2]}"
            else:
                last = said
        elif token.type == "fence":
            language = token.info.split(" ")[0]
            general = default if language in SHELL else ""
            yield Block(page, _line(token), language, token.content, last or general)
            last = ""
        elif token.type not in ("list_item_open", "list_item_close"):
            last = ""


def _line(token: Token) -> int:
    assert token.map is not None
    return token.map[0] + 1


def spans() -> Iterator[tuple[str, str]]:
    """Page and text of every `code` within prose and tables."""
    for path in paths():
        for token in MarkdownIt("commonmark").enable("table").parse(path.read_text("utf-8")):
            for child in token.children or ():
                if child.type == "code_inline":
                    yield name(path), child.content
