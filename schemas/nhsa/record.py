"""One record of the bus: a transaction's request with its response beside it, and the visit's earlier messages.

    {"infno": "2207", "msgid": …, "fixmedins_code": …, "mdtrtarea_admvs": …, "insuplc_admdvs": …,
     "input": {"data": {…}}, "infcode": 0, "output": {"setlinfo": {…}, "setldetail": […]},
     "visit": [{"infno": "2203", "input": {…}, …}, {"infno": "2204", "input": {"feedetail": […]}, …}]}

`feedetail`, `diseinfo` and `mdtrtinfo` may as well stand in the settlement's own `input`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.nhsa import tables
from schemas.nhsa.extension import extension
from schemas.nhsa.values import node, nodes, text

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """The parts of a record, each empty where it is absent, and what is wrong with them."""

    message: Message
    data: dict[str, Any]
    info: dict[str, Any]
    visit: tuple[tuple[str | None, Message], ...]
    """Transactions that succeeded, by number, in their order."""
    extension: dict[str, Any]
    problems: list[str]

    @property
    def fees(self) -> list[Any]:
        """All fee lines, in the order they were sent."""
        rows = list(nodes(self.input.get("feedetail")))
        for infno, message in self.visit:
            if infno in tables.FEES:
                rows += nodes(node(message.get("input")).get("feedetail"))
        return rows

    @property
    def input(self) -> dict[str, Any]:
        return node(self.message.get("input"))

    @property
    def diagnoses(self) -> list[Any]:
        """The newest list there is: a later message replaces what an earlier one said."""
        lists = [nodes(self.input.get("diseinfo"))]
        for infno, message in self.visit:
            if infno in tables.DIAGNOSES:
                lists.append(nodes(node(message.get("input")).get("diseinfo")))
        return next((list_ for list_ in reversed(lists) if list_), [])

    @property
    def person(self) -> dict[str, Any]:
        """The output of the newest 1101."""
        found = [node(message.get("output")) for infno, message in self.visit if infno == tables.PERSON]
        return found[-1] if found else {}

    def area(self, *spellings: str) -> Any:
        """A division code of the envelope, in whatever spelling; two that contradict one another are a problem."""
        found = {spelling: value for spelling in spellings if (value := text(self.message.get(spelling))) is not None}
        values = list(found.values())
        if any(value != values[0] for value in values):
            self.problems.append(f"{' and '.join(found)}: expected the same")
        return values[0] if values else None


def succeeded(message: Message) -> bool:
    """A response that is not there counts as one that says so: who sends requests only must send those that did."""
    return text(message.get("infcode")) in (None, "0")


def read_record(message: Message) -> Record:
    data = node(node(message.get("input")).get("data"))
    found, wrong = extension(data)
    problems = [f"input.data.{wrong}"] if wrong else []
    visit = []
    for i, part in enumerate(nodes(message.get("visit"))):
        infno = tables.transaction(text(node(part).get("infno")))
        if infno in tables.FEE_WITHDRAWALS:
            problems.append(f"visit[{i}].infno: expected no withdrawal of fee lines; send the lines that were left")
        elif succeeded(node(part)):
            visit.append((infno, node(part)))
    return Record(message, data, node(node(message.get("output")).get("setlinfo")), tuple(visit), found, problems)
