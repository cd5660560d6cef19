"""The demonstration's project in Label Studio: made, connected, filled, learnt from.

What was done stands in Label Studio itself. Done a second time it takes a moment: what is there stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.errors import LabelStudioError, ServiceError
from scripts.demo.backend_health import Watch, has_learnt_or_learns, wait_for_version
from scripts.demo.forms import ANNOTATED, LABEL_CONFIG, SampleForm, sample_forms
from scripts.demo.studio import SignedIn
from scripts.demo.told import step

TITLE = "Sample forms"
FILLED = f"Drawn forms with invented content. {ANNOTATED} of them were annotated by the demonstration."
"""The project's description once forms and annotations are in: whoever deletes some later does not get them back."""

Json = dict[str, Any]


def fill(studio: SignedIn, backend_url: str) -> int:
    """The number of the project with the forms in it and the backend connected.

    The backend is connected before anything is annotated, so that it learns of each annotation by webhook.
    """
    project = _project(studio)
    number = int(project["id"])
    if not _is_connected(studio, number, backend_url):
        with step("The backend is connected, Label Studio makes its webhook"):
            connect(studio, number, backend_url)
    if project["description"] != FILLED:
        forms = list(sample_forms())
        with step(f"{len(forms)} drawn forms are uploaded"):
            _upload_missing(studio, number, forms)
        with step(f"{ANNOTATED} of them are annotated, with the boxes they are made of"):
            _annotate(studio, number, forms)
        studio.patch(f"/api/projects/{number}/", {"description": FILLED})
    return number


def first_version(studio: SignedIn, backend_url: str, project: int, watch: Watch) -> int:
    """Wait for the project's first version; how many boxes it proposes on the first form that nobody annotated."""
    with step("The backend learns from them"):
        if not has_learnt_or_learns(backend_url, project):
            # Such as a backend that lost its data: it would find the annotations, but minutes later.
            (connected,) = studio.get(f"/api/ml/?project={project}")
            studio.post(f"/api/ml/{connected['id']}/train", {})
        wait_for_version(backend_url, project, watch)
    with step("A form that nobody annotated is opened"):
        boxes = _open_next(studio, project)
    if boxes == 0:
        raise ServiceError("no_boxes", "no boxes were proposed for the next form", "the backend's log says why")
    return boxes


def connect(studio: SignedIn, project: int, backend_url: str) -> None:
    """Connect the backend in place of others, whose webhooks go with them.

    Raises:
        LabelStudioError: Label Studio refuses the address, or made no webhook.
    """
    gone = set()
    for other in studio.get(f"/api/ml/?project={project}"):
        studio.delete(f"/api/ml/{other['id']}")
        gone.add(f"{other['url']}/webhook")
    for hook in studio.get(f"/api/webhooks/?project={project}"):
        if hook["url"] in gone:  # Label Studio leaves it behind
            studio.delete(f"/api/webhooks/{hook['id']}/")
    studio.post("/api/ml/", {"project": project, "url": backend_url, "title": "LayoutLMv3"})
    if not _is_connected(studio, project, backend_url):
        raise LabelStudioError(
            "webhook_missing",
            f"Label Studio made no webhook for {backend_url}",
            "start it with SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false",
        )


def _is_connected(studio: SignedIn, project: int, backend_url: str) -> bool:
    """Whether this backend, and no other, is connected and told of changes."""
    connected = [backend["url"] for backend in studio.get(f"/api/ml/?project={project}")]
    told = [hook["url"] for hook in studio.get(f"/api/webhooks/?project={project}")]
    return connected == [backend_url] and f"{backend_url}/webhook" in told


def _project(studio: SignedIn) -> Json:
    """The demonstration's project, made if need be."""
    for project in studio.get("/api/projects/?page_size=100")["results"]:
        if project["title"] == TITLE:
            return dict(project)
    config = LABEL_CONFIG.read_text(encoding="utf-8")
    made: Json = studio.post("/api/projects/", {"title": TITLE, "label_config": config})
    return made


def _upload_missing(studio: SignedIn, project: int, forms: Sequence[SampleForm]) -> None:
    there = _tasks_by_form(studio, project, forms)
    missing = [(form.name, form.image) for form in forms if form.name not in there]
    if missing:
        studio.upload(project, missing)


def _annotate(studio: SignedIn, project: int, forms: Sequence[SampleForm]) -> None:
    tasks = _tasks_by_form(studio, project, forms)
    for form in forms:
        if form.results is not None and not tasks[form.name]["annotations"]:
            studio.post(f"/api/tasks/{tasks[form.name]['id']}/annotations/", {"result": form.results})


def _tasks_by_form(studio: SignedIn, project: int, forms: Sequence[SampleForm]) -> dict[str, Json]:
    """The tasks that are there by the names of their forms; Label Studio puts `<8 hex digits>-` before a name."""
    tasks = studio.tasks(project)
    return {form.name: task for form in forms for task in tasks if task["data"]["image"].endswith(f"-{form.name}")}


def _open_next(studio: SignedIn, project: int) -> int:
    """How many boxes are proposed on the first form that nobody annotated; -1 when all are annotated."""
    for task in studio.tasks(project):
        if not task["annotations"]:
            opened = studio.get(f"/api/tasks/{task['id']}/")
            return max((len(prediction["result"]) for prediction in opened["predictions"]), default=0)
    return -1
