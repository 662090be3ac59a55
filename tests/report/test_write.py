"""A report that cannot be written says so, before the work where it can, and where else it can be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.report import write


def test_a_folder_is_asked_for_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "gone").symlink_to("nowhere")
    for folder, reason in {
        tmp_path / "file": "file is no folder",
        tmp_path / "file" / "below": "file is no folder",
        tmp_path / "gone" / "below": "gone is no folder",
        tmp_path / ("n" * 300): "a name of more than 240 bytes",
    }.items():
        with pytest.raises(InputError, match=rf"^report .*: cannot be written \(.*{reason}\); name another folder with -o$"):
            write.check_folder(folder)
    for folder in (tmp_path, tmp_path / "new" / "deep", Path("relative")):
        write.check_folder(folder)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "gone"}, "asking leaves nothing behind"


def test_a_disk_that_fills_up_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(write, "_write_files", full)
    with pytest.raises(InputError, match=r"No space left on device\); no result is lost\. .*`xstilts report` .* -o FOLDER"):
        write.write_report(None, tmp_path)  # type: ignore[arg-type]


def test_files_have_the_mode_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write.replace_file(tmp_path / "report.html", "<p>")
    finally:
        os.umask(before)
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o640
