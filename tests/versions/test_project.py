from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import RequestError
from backend.versions.project import (
    ProjectFolder,
    ProjectRecord,
    known_projects,
    load_record,
    save_record,
)

RECORD = ProjectRecord(3, "http://label-studio:8080", "a-token", "<View/>", 1.0)


def test_a_number_that_is_no_folder_name_is_refused(tmp_path: Path) -> None:
    for number in (-1, 10**12):
        with pytest.raises(RequestError):
            ProjectFolder(tmp_path, number)


def test_known_projects_are_those_with_a_folder(tmp_path: Path) -> None:
    assert known_projects(tmp_path) == []
    for name in ("12", "3", "0", "007", "x", ".tmp"):
        (tmp_path / "projects" / name).mkdir(parents=True)
    assert known_projects(tmp_path) == [0, 3, 12]


def test_a_record_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    assert load_record(ProjectFolder(tmp_path, 3)) is None
    assert save_record(tmp_path, RECORD)
    assert load_record(ProjectFolder(tmp_path, 3)) == RECORD


def test_a_record_that_says_nothing_new_is_not_written(tmp_path: Path) -> None:
    save_record(tmp_path, RECORD)
    written = ProjectFolder(tmp_path, 3).record.stat().st_mtime_ns
    assert not save_record(tmp_path, replace(RECORD, updated=2.0))
    assert ProjectFolder(tmp_path, 3).record.stat().st_mtime_ns == written
    assert save_record(tmp_path, replace(RECORD, updated=2.0, label_config="<View></View>"))


def test_the_token_is_kept_from_other_users_and_from_logs(tmp_path: Path) -> None:
    save_record(tmp_path, RECORD)
    assert ProjectFolder(tmp_path, 3).record.stat().st_mode & 0o777 == 0o600
    assert "a-token" not in repr(RECORD)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"hostname": 1', "\x00", '{"hostname": "x"}', "null"])
def test_a_damaged_record_is_as_good_as_none_and_is_replaced(tmp_path: Path, content: str) -> None:
    folder = ProjectFolder(tmp_path, 3)
    folder.path.mkdir(parents=True)
    folder.record.write_text(content)
    assert load_record(folder) is None
    assert save_record(tmp_path, RECORD)
    assert load_record(folder) == RECORD
