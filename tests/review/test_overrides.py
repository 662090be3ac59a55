from pathlib import Path

import pytest

from xstilts.errors import InputError
from xstilts.review.overrides import add_override, latest, read_overrides


def test_a_decision_is_kept_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "q.decisions.yaml"
    assert read_overrides(path) == ()
    add_override(path, "a=contradicted", "Ada", "Table 3 says so.", ["a", "b"])
    add_override(path, "a=supported", "Bo", "Table 3 was corrected.", ["a", "b"])
    found = read_overrides(path)
    assert [(one.by, one.verdict) for one in found] == [("Ada", "contradicted"), ("Bo", "supported")]
    last = latest(found, "a")
    assert last is not None
    assert last.by == "Bo"
    assert latest(found, "b") is None


@pytest.mark.parametrize(
    ("decision", "by", "why", "said"),
    [
        ("a", "Ada", "why", "expected CLAIM=VERDICT"),
        ("a=true", "Ada", "why", "one of supported"),
        ("c=supported", "Ada", "why", "no claim 'c'"),
        ("a=supported", "", "why", "needs --by"),
        ("a=supported", "Ada", " ", "needs --by"),
    ],
)
def test_a_decision_without_name_reason_or_sense_is_refused(tmp_path: Path, decision: str, by: str, why: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        add_override(tmp_path / "d.yaml", decision, by, why, ["a", "b"])
    assert not (tmp_path / "d.yaml").exists()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("decisions: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a list under"):
        read_overrides(path)
