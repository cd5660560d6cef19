"""The layout that `datasets.load_dataset` of Hugging Face reads: folders of images with a `metadata.jsonl` each.

Columns are those of the data sets that LayoutLM models are fine-tuned on: `image`, `words`, `bboxes` (0 to 1000) and
`ner_tags`, numbers whose names stand in `labels.json` in their order: an image folder itself has no place for them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.document.label_set import LabelSet
from backend.encoding.spec import GRID
from backend.encoding.tokens import grid_boxes
from backend.exchange.labelled_page import LabelledPage

TRAIN, TEST = "train", "test"
METADATA, LABELS = "metadata.jsonl", "labels.json"

CARD = """---
pretty_name: {title}
task_categories:
- token-classification
configs:
- config_name: default
  drop_labels: true
  data_files:
{files}
---

# {plain_title}

Pages annotated in Label Studio: words as they were read, their boxes from 0 to {grid} across and down the page, and a
tag for each word. `B-` begins a box that a person drew, `I-` goes on with it, `O` is in none.

| part | pages |
| --- | --- |
{counts}

| number | tag |
| --- | --- |
{names}

```python
import json
from datasets import ClassLabel, Sequence, load_dataset

folder = "path/of/this/folder"
names = json.load(open(f"{{folder}}/labels.json", encoding="utf-8"))
pages = load_dataset(folder).cast_column("ner_tags", Sequence(ClassLabel(names=names)))
```
"""


class HuggingFaceWriter:
    """Writes pages as an image folder with metadata, and the card when the last one is there."""

    def __init__(self, folder: Path, label_set: LabelSet, title: str) -> None:
        self.folder = folder
        self.label_set = label_set
        self.title = title
        self._pages = {TRAIN: 0, TEST: 0}

    def add(self, page: LabelledPage) -> None:
        part = TEST if page.held_out else TRAIN
        folder = self.folder / part
        folder.mkdir(parents=True, exist_ok=True)
        page.image.save(folder / f"{page.name}.png")
        with (folder / METADATA).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(self.row(page), ensure_ascii=False) + "\n")
        self._pages[part] += 1

    def row(self, page: LabelledPage) -> dict[str, Any]:
        """A line of the metadata."""
        return {
            "file_name": f"{page.name}.png",
            "id": page.name,
            "task_id": page.task_id,
            "page": page.index,
            "words": [word.text for word in page.page.words],
            "bboxes": grid_boxes(page.page, segments=False).tolist(),
            "ner_tags": page.tags(self.label_set),
        }

    def finish(self) -> None:
        """Write the card and the names of the tags."""
        names = self.label_set.tag_names()
        (self.folder / LABELS).write_text(json.dumps(names, ensure_ascii=False, indent=1), encoding="utf-8")
        parts = [part for part, pages in self._pages.items() if pages]
        card = CARD.format(
            title=json.dumps(self.title, ensure_ascii=False),  # JSON's texts are YAML's
            plain_title=" ".join(self.title.split()),
            files="\n".join(f"  - split: {part}\n    path: {part}/**" for part in parts),
            names="\n".join(f"| {number} | {_cell(name)} |" for number, name in enumerate(names)),
            counts="\n".join(f"| {part} | {self._pages[part]} |" for part in parts),
            grid=GRID,
        )
        (self.folder / "README.md").write_text(card, encoding="utf-8")


def _cell(text: str) -> str:
    """A text in a table of Markdown."""
    return " ".join(text.replace("|", "\\|").split())
