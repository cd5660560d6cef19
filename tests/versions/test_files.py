from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.versions import files
from backend.versions.files import file_state, files_below, read_json, sha256_of, write_atomic, write_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None)  # disks are slow at times
@given(content=JSON)
def test_json_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    path = tmp_path_factory.mktemp("json") / "deep" / "file.json"
    write_json(path, content, durable=False)
    assert read_json(path) == content


def test_a_missing_file_reads_as_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "no" / "such.json") is None


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"changed": ')
    with pytest.raises(ValueError, match="Expecting"):
        read_json(tmp_path / "torn.json")


def test_a_file_with_a_token_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_atomic(path, b"new", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_content_and_nothing_aside(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_atomic(path, b"old")
    with pytest.raises(TypeError):
        write_atomic(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_meets_half_a_file_whenever_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "whole.json"
    script = (
        "import sys; from pathlib import Path; from backend.versions.files import write_json\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1; write_json(Path(sys.argv[1]), [n] * 20_000, durable=False)\n"
    )
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", script, str(path)], env=os.environ) as writer:
            started = time.monotonic()
            while not path.exists():
                assert time.monotonic() - started < 20
                time.sleep(0.01)
            time.sleep(0.1)
            writer.kill()
        content = read_json(path)
        assert content is not None
        assert len(set(content)) == 1
        assert len(content) == 20_000


def test_files_below_names_every_file_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").write_text("")
    (tmp_path / "a").write_text("")
    assert list(files_below(tmp_path)) == [tmp_path / "a", tmp_path / "b" / "c"]


def test_sha256_follows_each_change_and_is_not_taken_twice_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("abc")
    before = sha256_of(one)
    one.write_text("abd")
    assert sha256_of(one) != before, "even within the same tick of the clock"
    hour_ago = time.time() - 3600
    os.utime(one, (hour_ago, hour_ago))
    known = sha256_of(one)
    two.hardlink_to(one)
    assert file_state(one) == file_state(two)
    with monkeypatch.context() as without_reading:
        without_reading.setattr(files, "hashlib", None)
        assert sha256_of(two) == known
    two.write_text("abe")
    assert sha256_of(one) != known


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "abc").write_text("abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == expected
