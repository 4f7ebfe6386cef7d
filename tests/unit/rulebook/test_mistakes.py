"""What a writer of notices is told. `bad_notices/<mistake>.yaml` holds one mistake, `….txt` the whole answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streams.rulebook import Mistake, RulebookError, load_rulebook
from streams.rulebook.loader import NOTICES

BAD = Path(__file__).parent / "bad_notices"
CASES = sorted(path.stem for path in BAD.glob("*.yaml"))


def refusal(directory: Path) -> str:
    with pytest.raises(RulebookError) as told:
        load_rulebook(directory)
    return str(told.value)


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_file_line_key_and_mend(case: str, tmp_path: Path) -> None:
    shutil.copy(BAD / f"{case}.yaml", tmp_path)
    assert refusal(tmp_path) == (BAD / f"{case}.txt").read_text(encoding="utf-8").rstrip("\n")


def test_every_answer_belongs_to_a_mistake() -> None:
    assert sorted(path.stem for path in BAD.glob("*.txt")) == CASES


def test_the_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    for case in CASES:
        shutil.copy(BAD / f"{case}.yaml", tmp_path)
    with pytest.raises(RulebookError) as told:
        load_rulebook(tmp_path)
    assert {mistake.file for mistake in told.value.mistakes} == {f"{case}.yaml" for case in CASES}


def test_a_mistake_gives_its_parts() -> None:
    mistake = Mistake("hz.yaml", 3, "entries.price.role", "is missing", "add it")
    assert str(mistake) == "hz.yaml:3: entries.price.role: is missing; add it"


def test_two_files_cannot_hold_the_same_notice(tmp_path: Path) -> None:
    text = (NOTICES / "zj-2021-31.yaml").read_text(encoding="utf-8")
    (tmp_path / "zj-2021-31.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "zj-copy.yaml").write_text(text, encoding="utf-8")
    assert refusal(tmp_path).splitlines() == [
        "zj-copy.yaml:4: id: zj-2021-31 is not the name of the file; name the file zj-2021-31.yaml, or correct the id",
        "zj-copy.yaml:4: id: zj-2021-31 is the id of zj-2021-31.yaml already; give each notice an id of its own",
    ]


def test_entries_of_two_notices_cannot_overlap(tmp_path: Path) -> None:
    text = (NOTICES / "sx-2021-catastrophic.yaml").read_text(encoding="utf-8")
    (tmp_path / "sx-2021-catastrophic.yaml").write_text(text, encoding="utf-8")
    later = text.replace("id: sx-2021-catastrophic", "id: sx-2021-late").replace("2021-06-30", "2021-12-31")
    (tmp_path / "sx-2021-late.yaml").write_text(later, encoding="utf-8")
    assert refusal(tmp_path) == (
        "sx-2021-late.yaml:17: entries.benefit.effective_from: from 2021-12-31 it overlaps "
        "sx-2021-catastrophic/benefit, also benefit of petct_whole_body in 330600; "
        "end sx-2021-catastrophic/benefit with effective_to: 2021-12-31"
    )


def test_one_entry_may_begin_on_the_day_the_other_ends(tmp_path: Path) -> None:
    text = (NOTICES / "sx-2021-catastrophic.yaml").read_text(encoding="utf-8")
    (tmp_path / "sx-2021-catastrophic.yaml").write_text(text, encoding="utf-8")
    later = text.replace("id: sx-2021-catastrophic", "id: sx-2022").replace("2022-01-01", "2023-01-01")
    (tmp_path / "sx-2022.yaml").write_text(later.replace("2021-06-30", "2022-01-01"), encoding="utf-8")
    assert len(load_rulebook(tmp_path).rules) == 2


def test_a_city_may_exceed_a_ceiling_that_has_ended(tmp_path: Path) -> None:
    text = (BAD / "city-above-the-ceiling.yaml").read_text(encoding="utf-8")
    path = tmp_path / "city-above-the-ceiling.yaml"
    ended = text.replace("2021-06-30\n", "2021-06-30\n    effective_to: 2022-01-01\n", 1)
    head, city = ended.split("  price:\n")
    path.write_text(head + "  price:\n" + city.replace("2021-06-30", "2022-01-01"), encoding="utf-8")
    assert len(load_rulebook(tmp_path).rules) == 2
    path.write_text(head + "  price:\n" + city.replace("2021-06-30", "2021-12-31"), encoding="utf-8")
    assert "is above the ceiling 5300.00" in refusal(tmp_path)


def test_a_mistake_in_one_entry_hides_none_between_the_others(tmp_path: Path) -> None:
    text = (BAD / "city-above-the-ceiling.yaml").read_text(encoding="utf-8")
    (tmp_path / "city-above-the-ceiling.yaml").write_text(text + "  monitoring: {}\n", encoding="utf-8")
    told = refusal(tmp_path).splitlines()
    assert ["above the ceiling" in told[0], "monitoring: is empty" in told[1], len(told)] == [True, True, 2]


def test_an_empty_folder_is_no_rulebook(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: holds no notice; put at least one <id>.yaml into it"


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    where = tmp_path / "nowhere"
    assert refusal(where) == f"{where}: is no folder; name the folder that holds the notices"


def test_a_file_that_would_be_overlooked_is_refused(tmp_path: Path) -> None:
    shutil.copy(NOTICES / "zj-2021-31.yaml", tmp_path / "zj-2021-31.yml")
    assert refusal(tmp_path) == "zj-2021-31.yml: would not be read; rename it zj-2021-31.yaml"


def test_a_file_that_is_no_notice_by_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "huge.yaml").write_text("#" * 300_000, encoding="utf-8")
    assert refusal(tmp_path) == "huge.yaml: is larger than 256 KiB; write one notice a file"


def test_one_item_code_cannot_mean_two_examinations(tmp_path: Path) -> None:
    shutil.copy(NOTICES / "zj-2021-31.yaml", tmp_path)
    exams = (NOTICES.parent / "exams.yaml").read_text(encoding="utf-8")
    again = (
        '  petct_brain:\n    name: 颅脑\n    codes:\n      - {code: "23040000700", system: zhejiang, source: 附件}\n'
    )
    (tmp_path / "exams.yaml").write_text(exams + again, encoding="utf-8")
    assert refusal(tmp_path) == (
        "exams.yaml:16: exams.petct_brain.codes[0].code: 23040000700 is a code of petct_whole_body already; "
        "leave one of them away"
    )


def test_a_folder_may_bring_its_own_examinations(tmp_path: Path) -> None:
    text = (NOTICES / "zj-2021-31.yaml").read_text(encoding="utf-8").replace("petct_whole_body", "petct_brain")
    (tmp_path / "zj-2021-31.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "exams.yaml").write_text(
        'exams:\n  petct_brain:\n    name: 颅脑\n    codes:\n      - {code: "2304000071", system: a, source: 附件}\n',
        encoding="utf-8",
    )
    rulebook = load_rulebook(tmp_path)
    assert rulebook.exam_by_code == {"2304000071": "petct_brain"}
    assert rulebook.codes == {"2304000071"}
