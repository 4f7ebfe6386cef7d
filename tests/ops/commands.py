"""Shell commands of documents: taken apart by the shell's own rules, and looked up where they come from."""

from __future__ import annotations

import contextlib
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from streams.cli.app import app
from tests.ops.prometheus import CHECKOUT

PETCT: Final = typer.main.get_command(app)
MAKE: Final = frozenset(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE))
KAFKA: Final = frozenset(
    f"kafka-{name}.sh"
    for name in (
        "acls",
        "broker-api-versions",
        "configs",
        "console-consumer",
        "consumer-groups",
        "get-offsets",
        "leader-election",
        "metadata-quorum",
        "topics",
        "transactions",
    )
)
OTHERS: Final = frozenset({"curl", "docker", "kubectl", "kustomize", "openssl", "printf", "promtool", "python"})
IN_A_POD: Final = frozenset({"docker", "kubectl"})
"""Behind `--` stands what they run there."""
_ENDS: Final = frozenset({"|", "||", "&&", ";", "&"})
_SUBSTITUTED: Final = re.compile(r"\$\(([^()]*)\)")
_ASSIGNMENT: Final = re.compile(r"[A-Z_]+=.*")


class CommandError(Exception):
    """The text says what is not there."""


def blocks(document: str, language: str) -> Iterator[str]:
    """The contents of a document's fenced blocks of one language, those inside lists too."""
    for indent, block in re.findall(rf"^( *)```{language}\n(.*?)^\1```$", document, re.DOTALL | re.MULTILINE):
        yield "\n".join(line.removeprefix(indent) for line in block.splitlines())


def commands(block: str) -> Iterator[list[str]]:
    """The words of each command of a block, those in `$(…)` too; redirections and variables before it left out."""
    for inner in _SUBSTITUTED.findall(block):
        yield from commands(inner)
    for line in _SUBSTITUTED.sub("X", block).replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        redirected = False
        for word in [*lexer, ";"]:
            if word in _ENDS:
                if words:
                    yield words
                words = []
            elif set(word) <= set("<>"):
                redirected = True
            elif redirected:
                redirected = False
            elif words or not _ASSIGNMENT.fullmatch(word):
                words.append(word)


def check(words: list[str]) -> None:
    """Raises CommandError when there is no such command, or it takes no such arguments."""
    program, *arguments = words
    if program == "petct":
        _petct(arguments)
    elif program == "make":
        if missing := [word for word in arguments if "=" not in word and word not in MAKE]:
            raise CommandError(f"make has no target {missing[0]}")
    elif program == "export":
        return
    elif program not in KAFKA | OTHERS:
        raise CommandError(f"{program} is not among the programs that documents may use")
    elif program in IN_A_POD and "--" in arguments:
        check(arguments[arguments.index("--") + 1 :])


def _petct(arguments: list[str]) -> None:
    """Parsed by the command itself, which is not run; in a folder that has the files it is told of."""
    command, path = PETCT, "petct"
    while isinstance(command, TyperGroup):
        name = arguments[0] if arguments else ""
        if name not in command.commands:
            raise CommandError(f"{path} has no command {name}")
        command, arguments, path = command.commands[name], arguments[1:], f"{path} {name}"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for word in arguments:
            if word.endswith((".yaml", ".json", ".jsonl", ".csv")) and "/" not in word:
                Path(word).touch()
            elif word in ("my-notices", "my-draft", "our-thresholds"):
                Path(word).mkdir()
        try:
            command.make_context(path, list(arguments))
        except TyperException as error:
            raise CommandError(f"{path}: {error}") from None
