from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backend.errors import VersionError
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore, version_name
from tests.disks import fill, small_disk


@pytest.fixture
def store(tmp_path: Path) -> VersionStore:
    return VersionStore(ProjectFolder(tmp_path, 3), clock=lambda: 0.0)


def publish(store: VersionStore, content: str = "weights") -> int:
    with store.stage() as staged:
        (staged / "model.safetensors").write_text(content)
        (staged / "deep").mkdir()
        (staged / "deep" / "labels.json").write_text("[]")
        return store.publish(staged, {"metrics": {"f1": 0.5}})


def publish_live(store: VersionStore) -> int:
    number = publish(store)
    store.promote(number, "better")
    return number


def test_a_project_without_versions_is_untrained(store: VersionStore) -> None:
    assert (store.current(), store.servable(), store.numbers(), store.history()) == (None, None, [], [])
    assert version_name(store.current()) == "untrained"
    assert version_name(7) == "v7"


def test_a_published_version_is_whole_and_not_served_before_its_promotion(store: VersionStore) -> None:
    number = publish(store)
    store.verify(number)
    assert (store.numbers(), store.current(), store.servable()) == ([1], None, None)
    store.promote(number, "first")
    assert (store.current(), store.servable()) == (1, 1)


def test_the_manifest_knows_files_facts_parent_and_time(store: VersionStore) -> None:
    publish_live(store)
    manifest = store.manifest(publish(store, content="abc"))
    assert manifest["files"]["model.safetensors"] == {
        "bytes": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
    assert set(manifest["files"]) == {"model.safetensors", "deep/labels.json"}
    assert manifest["metrics"] == {"f1": 0.5}
    assert (manifest["format"], manifest["version"], manifest["parent"]) == (1, 2, 1)
    assert manifest["created"] == "1970-01-01T00:00:00Z"


def test_a_failed_run_leaves_nothing_aside(store: VersionStore) -> None:
    def fail() -> None:
        with store.stage() as staged:
            (staged / "half").write_text("")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(store.project.versions.glob(".tmp-*"))
    assert store.numbers() == []


def test_a_number_never_comes_again(store: VersionStore) -> None:
    for expected in (1, 2, 3):
        assert publish(store) == expected
    store.prune(keep=0)
    shutil.rmtree(store.project.versions)
    store.refuse(3, "worse")
    assert publish(store) == 4
    (store.project.versions / ".last").write_text("garbage")
    store.refuse(9, "worse")
    assert publish(store) == 10


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def damage_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [damage_missing, damage_cut, damage_flip])
@pytest.mark.parametrize("name", ["model.safetensors", "deep/labels.json", "manifest.json"])
def test_FA17_a_damaged_version_is_passed_over_for_the_newest_older_one(
    store: VersionStore, damage: Callable[[Path], None], name: str
) -> None:
    publish_live(store)
    publish_live(store)
    publish_live(store)
    damage(store.folder(3) / name)
    found = store.inspect()
    assert found.number == 2
    assert len(found.faults) == 1
    assert "v3" in found.faults[0]
    assert store.current() == 3, "what is current is not changed by looking"


def test_FA17_a_version_that_was_served_comes_before_one_that_was_refused(store: VersionStore) -> None:
    publish_live(store)
    store.refuse(publish(store), "worse")
    publish_live(store)
    damage_flip(store.folder(3) / "model.safetensors")
    assert store.servable() == 1
    damage_flip(store.folder(1) / "model.safetensors")
    assert store.servable() == 2, "better than nothing"


def test_FA19_with_every_version_damaged_the_project_is_untrained_and_the_folders_stay(store: VersionStore) -> None:
    for _ in range(2):
        damage_flip(store.folder(publish_live(store)) / "model.safetensors")
    found = store.inspect()
    assert found.number is None
    assert len(found.faults) == 2
    store.clean()
    assert store.numbers() == [1, 2]


def test_FA45_a_version_of_a_newer_release_is_skipped_with_a_message(
    store: VersionStore, caplog: pytest.LogCaptureFixture
) -> None:
    publish_live(store)
    newer = store.folder(publish_live(store)) / "manifest.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"format": 2}))
    assert store.servable() == 1
    with pytest.raises(VersionError, match="format 2") as raised:
        store.verify(2)
    assert raised.value.code == "version_too_new"
    assert "use the release that made it" in raised.value.hint
    assert any("format 2" in str(vars(record).get("cause")) for record in caplog.records)


@pytest.mark.parametrize("content", ["[]", "{}", '{"files": 3}', '{"files": {"a": 1}}', "null", "3"])
def test_a_manifest_of_any_content_is_an_error_with_a_name(store: VersionStore, content: str) -> None:
    number = publish_live(store)
    (store.folder(number) / "manifest.json").write_text(content)
    with pytest.raises(VersionError):
        store.verify(number)
    assert store.servable() is None


def test_a_version_copied_over_another_is_noticed(store: VersionStore) -> None:
    publish_live(store)
    publish_live(store)
    shutil.rmtree(store.folder(2))
    shutil.copytree(store.folder(1), store.folder(2))
    with pytest.raises(VersionError, match="another version"):
        store.verify(2)


def test_a_damaged_version_cannot_be_promoted_and_the_live_one_stays(store: VersionStore) -> None:
    publish_live(store)
    damage_flip(store.folder(publish(store)) / "model.safetensors")
    for number in (2, 7):
        with pytest.raises(VersionError):
            store.promote(number, "by hand")
    assert store.current() == 1


def test_a_damaged_current_file_is_read_from_the_history(store: VersionStore) -> None:
    publish_live(store)
    publish_live(store)
    store.rollback("by hand")
    store.project.current.write_bytes(b"\xff\x00")
    assert store.current() == 1
    store.project.history.unlink()
    assert store.current() is None


def test_FA39_a_worse_version_is_kept_with_the_reason_and_may_be_promoted_by_hand(store: VersionStore) -> None:
    publish_live(store)
    store.refuse(publish(store), "F1 0.1 against 0.5")
    lines = [(line["event"], line["version"], line["reason"]) for line in store.history()]
    assert lines == [("promoted", 1, "better"), ("refused", 2, "F1 0.1 against 0.5")]
    assert (store.numbers(), store.servable()) == ([1, 2], 1)
    store.promote(2, "by hand")
    assert store.servable() == 2


def test_a_torn_line_of_the_history_costs_that_line_only(store: VersionStore) -> None:
    publish_live(store)
    with store.project.history.open("a") as file:
        file.write('{"event": "promo')
    publish_live(store)
    assert [line["version"] for line in store.history()] == [1, 2]


def test_rollback_goes_back_step_by_step_through_what_was_served(store: VersionStore) -> None:
    publish_live(store)
    store.refuse(publish(store), "worse")
    publish_live(store)
    publish_live(store)
    assert store.served_before() == [3, 1]
    assert store.rollback("worse pages") == 3
    assert store.rollback("still") == 1
    with pytest.raises(VersionError) as raised:
        store.rollback("again")
    assert raised.value.code == "no_earlier_version"
    assert store.current() == 1
    store.promote(4, "by hand")
    assert store.rollback("no") == 1, "versions 3 and 4 were taken back before"


def test_rollback_passes_over_versions_that_are_damaged_or_gone(store: VersionStore) -> None:
    for _ in range(4):
        publish_live(store)
    damage_flip(store.folder(3) / "model.safetensors")
    shutil.rmtree(store.folder(2))
    assert store.rollback("by hand") == 1


def test_pruning_keeps_the_served_version_and_the_newest_others(store: VersionStore) -> None:
    publish_live(store)
    for _ in range(4):
        publish(store)
    store.prune(keep=2)
    assert store.numbers() == [1, 4, 5]
    assert store.servable() == 1


def test_pruning_keeps_the_version_that_stands_in_for_a_damaged_one(store: VersionStore) -> None:
    publish_live(store)
    for _ in range(3):
        publish(store)
    publish_live(store)
    damage_flip(store.folder(5) / "model.safetensors")
    store.prune(keep=0)
    assert store.numbers() == [1, 5]


def test_clean_removes_what_dead_processes_left_and_nothing_in_use(store: VersionStore) -> None:
    left = store.project.versions / ".tmp-0123456789abcdef"
    left.mkdir(parents=True)
    with store.stage() as staged:
        store.clean()
        assert staged.is_dir()
    assert not left.exists()


def test_P3_a_kill_at_any_moment_leaves_whole_versions_only(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from backend.versions.project import ProjectFolder\n"
        "from backend.versions.store import VersionStore\n"
        "store = VersionStore(ProjectFolder(Path(sys.argv[1]), 3))\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    with store.stage() as staged:\n"
        "        for name in 'abc':\n"
        "            (staged / name).write_text(name * 100_000)\n"
        "        number = store.publish(staged, {})\n"
        "    store.promote(number, 'x')\n"
        "    store.prune(keep=2)\n"
    )
    store = VersionStore(ProjectFolder(tmp_path, 3))
    moments = random.Random(0)
    newest = 0
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0.0, 0.2))
            writer.kill()
        for number in store.numbers():
            store.verify(number)
        assert store.servable() == store.current()
        assert max(store.numbers(), default=0) >= newest
        newest = max(store.numbers(), default=0)
    store.clean()
    assert not list(store.project.versions.glob(".tmp-*"))
    assert newest > 0


KILL_POINTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate", "shutil.rmtree")


def killed_at(point: int, data_dir: Path) -> bool:
    """Save, promote and prune versions in a process that SIGKILLs itself at its n-th act on files; whether it did."""
    child = os.fork()
    if child == 0:
        left = point

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            path = str(arguments[0]) if arguments else ""
            if event in KILL_POINTS and (path.startswith(str(data_dir)) or not os.path.isabs(path)):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)  # of the child only, which ends here
        try:
            store = VersionStore(ProjectFolder(data_dir, 3))
            store.clean()
            publish_live(store)
            store.prune(keep=1)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_FA13_P11_power_lost_at_any_act_of_a_save_leaves_whole_versions_and_needs_no_repair(tmp_path: Path) -> None:
    """A machine without power forgets its processes and their locks; the next start finds what was renamed by then."""
    points = 0
    while True:
        data_dir = tmp_path / str(points)
        store = VersionStore(ProjectFolder(data_dir, 3))
        for _ in range(3):
            publish_live(store)
        points += 1
        if not killed_at(points, data_dir):
            break
        for number in store.numbers():
            store.verify(number)
        assert store.servable() == store.current()
        assert store.current() in (3, 4)
        with store.project.run.open("w") as file:
            file.write("{")  # what a power cut may do to a file that nobody waited for
        assert not killed_at(10**6, data_dir), "the next run goes through"
        assert store.servable() == store.current() == max(store.numbers())
        assert store.current() in (4, 5)
        assert not list(store.project.versions.glob(".tmp-*"))
        shutil.rmtree(data_dir)
    assert points > 25, "saving, promoting and pruning have that many acts at least"


def test_FA14_processes_that_publish_at_once_never_give_a_name_twice(tmp_path: Path) -> None:
    store = VersionStore(ProjectFolder(tmp_path, 3))
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                for _ in range(5):
                    publish(store)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert store.numbers() == list(range(1, 21))
    for number in store.numbers():
        store.verify(number)


@pytest.mark.parametrize("left", [0, 5_000, 1_000_000])
def test_FA15_a_disk_that_is_full_leaves_the_live_version_and_nothing_aside(tmp_path: Path, left: int) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = VersionStore(ProjectFolder(disk, 3))
        publish_live(store)
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - left)
        with pytest.raises(OSError, match="No space left"):
            publish(store, content="x" * 1_500_000)
        assert store.numbers() == [1]
        assert not list(store.project.versions.glob(".tmp-*"))
        assert store.servable() == 1
        filler.unlink()
        assert publish_live(store) >= 2, "with room again all is as before"


class AnyOrder(RuleBasedStateMachine):
    """Whatever is done in whatever order, what is served is whole and was promoted, and numbers only grow."""

    def __init__(self) -> None:
        super().__init__()
        shutil.rmtree(self.root, ignore_errors=True)
        self.store = VersionStore(ProjectFolder(self.root, 1))
        self.highest = 0

    root: Path

    @rule(live=st.booleans())
    def publish(self, live: bool) -> None:
        number = publish(self.store)
        assert number > self.highest
        self.highest = number
        if live:
            self.store.promote(number, "x")
        else:
            self.store.refuse(number, "x")

    @precondition(lambda self: self.highest > 0)
    @rule(keep=st.integers(0, 3))
    def prune(self, keep: int) -> None:
        self.store.prune(keep)

    @precondition(lambda self: self.highest > 0)
    @rule()
    def rollback(self) -> None:
        before = self.store.current()
        try:
            after = self.store.rollback("x")
        except VersionError:
            assert self.store.current() == before
        else:
            assert after != before

    @invariant()
    def served_is_whole(self) -> None:
        assert self.store.servable() == self.store.current()
        if self.store.current() is not None:
            self.store.verify(self.store.current())


def test_any_order_of_operations_serves_a_whole_version(tmp_path: Path) -> None:
    AnyOrder.root = tmp_path / "any"
    case = AnyOrder.TestCase()
    case.settings = hypothesis_settings(max_examples=15, stateful_step_count=12, deadline=None)
    case.runTest()
