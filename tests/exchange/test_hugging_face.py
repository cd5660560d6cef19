from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from backend.exchange.hugging_face import HuggingFaceWriter
from tests.exchange.pages import LABELS, TEXTS, labelled_page
from tests.running import ROOT

READ = """
import json, sys
from datasets import ClassLabel, Sequence, load_dataset

names = json.load(open(sys.argv[1] + "/labels.json", encoding="utf-8"))
pages = load_dataset(sys.argv[1], cache_dir=sys.argv[2]).cast_column("ner_tags", Sequence(ClassLabel(names=names)))
print(json.dumps({
    part: {
        "names": rows.features["ner_tags"].feature.names,
        "rows": [{**row, "image": [row["image"].size, row["image"].getpixel((0, 0))]} for row in rows],
    }
    for part, rows in pages.items()
}))
"""
"""In a process of its own, because `datasets` takes seconds to load and leaves threads behind."""


def test_the_datasets_library_reads_what_is_written(tmp_path: Path) -> None:
    writer = HuggingFaceWriter(tmp_path / "out", LABELS, "Forms: the 'first' \"year\"")
    for page in (labelled_page(7), labelled_page(8, index=1), labelled_page(9, held_out=True)):
        writer.add(page)
    writer.finish()
    read = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, str(tmp_path / "out"), str(tmp_path / "cache")],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert read.returncode == 0, read.stderr
    parts = json.loads(read.stdout)
    assert {part: len(content["rows"]) for part, content in parts.items()} == {"train": 2, "test": 1}
    assert parts["train"]["names"] == list(LABELS.tag_names())
    first, second = parts["train"]["rows"]
    assert first == {
        "image": [[400, 200], [255, 7, 0]],
        "id": "7-1",
        "task_id": 7,
        "page": 0,
        "words": list(TEXTS),
        "bboxes": [
            *([100, 100, 250, 200], [300, 100, 400, 200], [425, 100, 625, 200]),
            *([100, 500, 200, 600], [225, 500, 300, 602]),
        ],
        "ner_tags": [1, 3, 4, 0, 0],
    }
    assert (second["id"], second["page"], second["image"][1]) == ("8-2", 1, [255, 8, 1])
    assert parts["test"]["rows"][0]["task_id"] == 9


def test_the_card_tells_what_is_in_the_folder(tmp_path: Path) -> None:
    writer = HuggingFaceWriter(tmp_path, LABELS, "Forms")
    writer.add(labelled_page(7))
    writer.finish()
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| train | 1 |" in card
    assert "| test |" not in card
    assert "| 1 | B-question |" in card
