"""The stories told to a shell: predict a file, list versions, judge a version, try a saved one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from backend.document.geometry import Box
from backend.document.page import Page, Word
from backend.encoding.spec import PATCH_IMAGE_SIZE
from backend.errors import ServiceError, VersionError
from backend.label_studio.config import parse_labeling_config
from backend.label_studio.results import regions_to_results
from backend.model.tagger import PageTagger, load_tagger
from backend.pipelines.annotated import AnnotationReader
from backend.pipelines.exported import read_export
from backend.pipelines.gate import score_tasks
from backend.pipelines.pictures import model_picture
from backend.pipelines.serving import predict_pages, served_document
from backend.settings import Settings
from backend.versions.store import VersionStore, version_name
from backend.workshop import Workshop

Json = dict[str, Any]


def predict_image(
    settings: Settings, image: bytes, label_config: str, project_id: int | None, version_folder: Path | None
) -> Json:
    """A Label Studio prediction for the bytes of an image file.

    By the given version folder, else by the project's live version; with neither, no label is known and the words that
    OCR read are given instead, to show what there is to label.

    Raises:
        ConfigError, TaskError, ServiceError, VersionError: as the service does.
    """
    config = parse_labeling_config(label_config)
    workshop = Workshop(settings)
    tagger, name = _tagger(workshop, project_id, version_folder)
    reader = workshop.reader if project_id is None else workshop.reader_of(project_id, config)
    page = reader.read_bytes(image, picture=tagger is not None)
    if tagger is None:
        words = [{"text": word.text, "confidence": round(word.confidence, 3)} for word in page.words]
        return {"result": [], "score": 0.0, "model_version": name, "words": words}
    predicted = predict_pages([page], tagger)[0]
    [regions], score = served_document([predicted], config)
    return {
        "result": regions_to_results(regions, page_size=page.size, config=config, item_index=0),
        "score": round(score, 4),
        "model_version": name,
    }


def _tagger(workshop: Workshop, project_id: int | None, version_folder: Path | None) -> tuple[PageTagger | None, str]:
    if version_folder is not None:
        return load_tagger(version_folder, workshop.device), version_folder.name
    if project_id is not None:
        loaded = workshop.models.get(project_id)
        if loaded is not None:
            return loaded.tagger, loaded.name
    return None, version_name(None)


def version_lines(settings: Settings, project_id: int) -> Iterator[str]:
    """A line for each version, newest first: its name, whether it is live, its figures and the last word on it."""
    store = VersionStore(Workshop(settings).project(project_id))
    current = store.current()
    reasons = {line["version"]: f"{line['event']}: {line['reason']}" for line in store.history()}
    for number in reversed(store.numbers()):
        try:
            manifest = store.manifest(number)
        except VersionError as error:
            yield f"{version_name(number):>6}   {error.message}"
            continue
        held_out = manifest.get("metrics", {}).get("held_out", {})
        figures = (
            f"F1 {held_out['micro']['f1']:.3f} on {held_out['pages']} pages" if held_out.get("pages") else "not judged"
        )
        live = "live" if number == current else "    "
        yield f"{version_name(number):>6} {live}  {figures:24}  {manifest.get('created')}  {reasons.get(number, '')}"


def evaluate(settings: Settings, project_id: int) -> Json:
    """Scores of the live version on the project's annotated tasks that it was not trained on.

    A fast learner that was fitted to all tasks before it was served is replaced by the one that was judged.

    Raises:
        VersionError: the project has no version.
        LabelStudioError: the annotations cannot be read.
    """
    workshop = Workshop(settings)
    store = VersionStore(workshop.project(project_id))
    number = store.servable()
    if number is None:
        raise VersionError("untrained", f"project {project_id} has no version yet", "annotate pages and train first")
    tagger = load_tagger(store.folder(number), workshop.device, as_judged=True)
    connection = workshop.connection(project_id)
    client = connection.required_client()
    config = parse_labeling_config(client.project(project_id)["label_config"])
    seen = set(store.manifest(number).get("trained_on", ()))
    pages = workshop.reader_of(project_id, config)
    reader = AnnotationReader(pages, connection.fetch, config, tagger.visual, settings.train_least_readable)
    unseen = (task for task in client.annotated_tasks(project_id) if task["id"] not in seen)
    export = read_export(unseen, config, settings.train_max_tasks)
    tasks = reader.read_tasks(export, lambda **fields: None).tasks
    return {"version": version_name(number)} | score_tasks(tagger, tasks).to_json()


def try_version(settings: Settings, folder: Path) -> None:
    """Load a version folder and predict a page of a few words with it.

    Raises:
        VersionError: it does not load.
        ServiceError: it does not predict.
    """
    tagger = load_tagger(folder, Workshop(settings).device)
    words = tuple(
        Word(text, Box(20 + 90 * at, 20, 100 + 90 * at, 40), 0.9, 0)
        for at, text in enumerate(("Total", "12.50", "EUR"))
    )
    blank = model_picture(Image.new("RGB", (PATCH_IMAGE_SIZE, PATCH_IMAGE_SIZE), "white"))
    page = Page(400, 100, words, blank)
    probabilities = tagger.probabilities([page])[0]
    if (
        probabilities.shape != (len(words), tagger.label_set.tag_count)
        or not (abs(probabilities.sum(1) - 1) < 1e-3).all()
    ):
        raise ServiceError("version_damaged", "the version gives no distribution over its labels")
