"""Every command that a page names is there, with the options it is given, whether or not it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup

from tests.docs.pages import Block, blocks, spans
from tests.ops.commands import IN_A_POD, PETCT, CommandError, check, commands

OURS = ("petct", "make")
_PETCT = re.compile(r"(?:[A-Z_]+=\S+ )*petct (.+)")
_WORD = re.compile(r"[a-z][a-z-]*(\|[a-z-]+)*")


def of_ours(block: Block) -> Iterator[list[str]]:
    """Commands of petct and make, those run within a pod too."""
    for words in commands("\n".join(line.removeprefix("$ ") for line in block.text.splitlines())):
        if words[0] in OURS or (words[0] in IN_A_POD and "--" in words):
            yield words


SHELL = [block for block in blocks() if block.is_shell and not block.is_usage]


@pytest.mark.parametrize("page", sorted({block.page for block in SHELL}))
def test_the_commands_of_a_page_are_there(page: str) -> None:
    for block in SHELL:
        if block.page == page:
            for words in of_ours(block):
                try:
                    check(words)
                except CommandError as error:
                    pytest.fail(f"{block}: {error}")


def test_the_commands_named_in_prose_are_there() -> None:
    wrong = [f"{page}: `{said}`: {problem}" for page, said in spans() if (problem := missing(said))]
    assert wrong == []


def missing(said: str) -> str:
    """What of a command is not there. `a|b` means either; after the first word that is no name only options count."""
    found = _PETCT.fullmatch(said)
    if found is None:
        return ""
    reached = [PETCT]
    words = found[1].split()
    while words and all(isinstance(command, TyperGroup) for command in reached) and _WORD.fullmatch(words[0]):
        names = words.pop(0).split("|")
        groups = [command for command in reached if isinstance(command, TyperGroup)]
        for one in names:
            if not all(one in group.commands for group in groups):
                return f"there is no {one}"
        reached = [group.commands[one] for group in groups for one in names]
    options = {option for command in reached for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.strip(",.;").partition("=")[0] not in options]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("petct rulebook check|show", ""),
        ("petct replay …", ""),
        ("PETCT_X=1 petct worker settle", ""),
        ("petct rulebook check|shows", "there is no shows"),
        ("petct docter", "there is no docter"),
        ("petct replay run PLAN --emmit", "no option --emmit"),
        ("petct --version", ""),
        ("petctl docter", ""),
    ],
)
def test_a_command_that_is_not_there_is_found_in_prose(said: str, problem: str) -> None:
    assert missing(said) == problem


def test_every_kind_of_page_has_commands() -> None:
    """So that what reads them out of the pages cannot go blind unseen."""
    with_commands = {block.page for block in SHELL if list(of_ours(block))}
    assert {"README.md", "CONTRIBUTING.md", "docs/cli.md", "docs/integrate.md", "docs/deployment.md"} <= with_commands
    assert sum(page.startswith("ops/runbooks/") for page in with_commands) > 5
