"""The keys of every built-in study stay what they were: a refactoring that moves one would make users' stores worthless.

`golden/keys.json` has, for each study and kind of stage, how many stages there are and one sha256 over their slugs and keys.
A change of a recipe or of a kind's version is meant to move keys: run `python -m tests.plan.test_keys` and commit the file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

from xstilts.plan.compile import compile_study
from xstilts.store.fingerprint import compute_key
from xstilts.study import built_in_studies, load_study

GOLDEN = Path(__file__).parents[1] / "golden" / "keys.json"


def keys_of(name: str, data: Path) -> dict[str, str]:
    """Kind of stage -> "<count> <sha256>", planned without data, network or encoder."""
    found = defaultdict(list)
    for stage in compile_study(load_study(name), data, draft=True).stages:
        found[stage.kind].append(f"{stage.slug} {stage.key}")
    return {kind: f"{len(x)} {_digest(x)}" for kind, x in sorted(found.items())}


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


@pytest.mark.parametrize("name", built_in_studies())
def test_the_keys_of_a_built_in_study_are_what_they_were(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # no commit of an encoder is remembered from another run
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # no encoder beside the checkout is found
    assert keys_of(name, tmp_path) == json.loads(GOLDEN.read_text(encoding="utf-8"))[name]


@pytest.mark.parametrize("name", built_in_studies())
def test_a_key_is_the_hash_of_the_fingerprint(name: str, tmp_path: Path) -> None:
    """Keys are put together from parts that stages share; what is hashed is the canonical JSON all the same."""
    for stage in compile_study(load_study(name), tmp_path, draft=True).stages:
        assert stage.key == compute_key(stage.fingerprint)


def test_every_built_in_study_has_golden_keys() -> None:
    assert set(json.loads(GOLDEN.read_text(encoding="utf-8"))) == set(built_in_studies())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as nothing:
        found = {name: keys_of(name, Path(nothing)) for name in built_in_studies()}
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
