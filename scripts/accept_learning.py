"""Label real pages in a real Label Studio and measure what the backend proposes for others.

    python -m scripts.accept_learning <folder with annotated.json and images> --learn 25 --judge 15

The folder is what a data set's converter wrote: `annotated.json`, import tasks with one annotation each, and the image
files that the tasks name. The first pages are annotated one by one through the API, then the predictions of the others
are retrieved and compared: a region is right with the same label and IoU >= 0.5. `LABEL_STUDIO_BIN` names Label Studio.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from backend.document.region import Region
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.training.scores import Scores, score_pages
from tests.running import Backend, backend
from tests.studio import Studio, label_studio

Json = dict[str, Any]


def main() -> int:
    options = _options()
    program = os.environ.get("LABEL_STUDIO_BIN", ".ls-venv/bin/label-studio")
    config = (options.annotated / "label_config.xml").read_text(encoding="utf-8")
    tasks = json.loads((options.annotated / "annotated.json").read_text(encoding="utf-8"))
    learn, judge = tasks[: options.learn], tasks[options.learn :]
    if options.judge_folder:
        judge = json.loads((options.judge_folder / "annotated.json").read_text(encoding="utf-8"))
    judge = judge[: options.judge]
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(program) as studio,
        backend(Path(folder) / "data") as running,
    ):
        print(json.dumps(_try(studio, running, config, learn, judge, options.images), indent=2))
    return 0


def _try(studio: Studio, running: Backend, config: str, learn: list[Json], judge: list[Json], images: Path) -> Json:
    project = studio.create_project("pages", config)
    studio.connect(project, running.url)
    numbers = studio.upload(project, [_file(task, images) for task in learn + judge])
    opened = studio.open_task(numbers[0])
    _say(f"opened a task before training: {len(opened['predictions'])} predictions")
    started = time.monotonic()
    for number, task in zip(numbers, learn, strict=False):
        studio.annotate(number, task["annotations"][0]["result"])
    _say(f"{len(learn)} annotations saved in {time.monotonic() - started:.1f} s")
    first = running.wait_for_version(project, within_s=1800, idle=False)
    first_after = time.monotonic() - started
    _say(f"{first} is live after {first_after:.0f} s")
    version = running.wait_for_version(project, within_s=1800)
    trained = time.monotonic() - started
    _say(f"{version} is live after {trained:.0f} s")
    judged = numbers[len(learn) :]
    retrieved = time.monotonic()
    studio.retrieve_predictions(project, judged)
    retrieved = time.monotonic() - retrieved
    scores = _scores(studio, judged, judge, images, parse_labeling_config(config))
    return {
        "version": version,
        "seconds_to_first": round(first_after),
        "seconds_to_live": round(trained),
        "seconds_to_predict": round(retrieved, 1),
        **scores.to_json(),
    }


def _scores(studio: Studio, numbers: list[int], truth: list[Json], images: Path, config: LabelingConfig) -> Scores:
    pages = []
    for number, task in zip(numbers, truth, strict=True):
        with Image.open(images / Path(task["data"]["image"]).name) as image:
            size = {0: image.size}
        predictions = studio.predictions(number)
        proposed = annotation_boxes(predictions[-1], config, size).boxes[0] if predictions else []
        drawn = annotation_boxes(task["annotations"][0], config, size).boxes[0]
        pages.append(([Region(box.label, box.box, "", 1.0) for box in proposed], drawn))
    return score_pages(pages)


def _file(task: Json, images: Path) -> tuple[str, bytes]:
    path = images / Path(task["data"]["image"]).name
    return path.name, path.read_bytes()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotated", type=Path, help="folder with annotated.json and label_config.xml")
    parser.add_argument("--images", type=Path, required=True, help="folder with the image files")
    parser.add_argument("--judge-folder", type=Path, help="folder with the annotated.json of the pages to judge on")
    parser.add_argument("--learn", type=int, default=25)
    parser.add_argument("--judge", type=int, default=15)
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
