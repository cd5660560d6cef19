from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from backend.exchange.funsd import FunsdWriter, page_form
from tests.exchange.pages import LABELS, labelled_page


def test_a_page_is_its_marked_boxes_and_the_rest_by_lines() -> None:
    form = page_form(labelled_page(1))
    assert [(entity["id"], entity["label"], entity["text"]) for entity in form] == [
        (0, "question", "Name:"),
        (1, LABELS.names[1], "Ada Lovelace"),
        (2, "other", "page one"),
    ]
    assert [entity["box"] for entity in form] == [[38, 18, 102, 42], [118, 18, 400, 42], [40, 100, 120, 120]]
    assert form[1]["words"] == [
        {"text": "Ada", "box": [120, 20, 160, 40]},
        {"text": "Lovelace", "box": [170, 20, 250, 40]},
    ]
    assert all(entity["linking"] == [] for entity in form)


def test_every_word_is_in_one_entity() -> None:
    page = labelled_page(1)
    words = [word["text"] for entity in page_form(page) for word in entity["words"]]
    assert sorted(words) == sorted(word.text for word in page.page.words)


def test_the_folders_are_those_of_funsd(tmp_path: Path) -> None:
    writer = FunsdWriter(tmp_path, LABELS, "Forms")
    writer.add(labelled_page(1))
    writer.add(labelled_page(2, held_out=True))
    writer.finish()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "testing_data/annotations/2-1.json",
        "testing_data/images/2-1.png",
        "training_data/annotations/1-1.json",
        "training_data/images/1-1.png",
    ]
    written = json.loads((tmp_path / "training_data" / "annotations" / "1-1.json").read_text(encoding="utf-8"))
    assert written == {"form": page_form(labelled_page(1))}
    assert Image.open(tmp_path / "training_data" / "images" / "1-1.png").size == (400, 200)
