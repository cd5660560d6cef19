"""PDF files of the operator to a project of Label Studio, or to a folder that can be imported there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backend.errors import RequestError
from backend.label_studio.client import LabelStudioClient
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.label_studio.importing import import_tasks, upload_image
from backend.ocr.cache import OcrCache
from backend.pipelines.connection import connect
from backend.pipelines.splitting import SplitFile, Splitting, split_pdf
from backend.settings import Settings
from backend.versions.project import ProjectFolder, load_record

TASKS_FILE = "tasks.json"
SINGLE_KEY, LIST_KEY = "image", "pages"
"""Keys of the task's data without a project; as in `label_configs/`."""
MOST_SHOWN = 10
LOCAL_FILES = "/data/local-files/?d="

Tell = Callable[[str, int, int], None]
"""Told of which file how many pages are done, of how many."""


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """What somebody wants to have split.

    Attributes:
        project_id: the project to upload to; None for none.
        out: folder for the images, and for `tasks.json` without a project; None for none.
        url_prefix: what Label Studio finds the folder under; empty: a local-files address with the folder's name.
        task_per_file: None for what suits the project.
        pages: such as `1-3,7`; empty for all.
    """

    files: tuple[Path, ...]
    project_id: int | None
    out: Path | None
    url_prefix: str
    task_per_file: bool | None
    dpi: float
    pages: str
    text: bool


def split_files(settings: Settings, wanted: SplitRequest, tell: Tell) -> Iterator[str]:
    """Split files one after the other; a line for people on each when it is done.

    The pages of a file are uploaded first and its tasks are made at once, so a file is in the project whole or not at
    all.

    Raises:
        RequestError: a file cannot be split or written; those before it are done.
        LabelStudioError: Label Studio is down or refuses the token.
        ConfigError: the project's labeling configuration cannot be served.
    """
    _check_names(wanted.files)
    if wanted.project_id is None:
        yield from _to_folder(settings, wanted, tell)
        return
    client = connect(settings, load_record(ProjectFolder(settings.data_dir, wanted.project_id))).required_client()
    config = parse_labeling_config(client.project(wanted.project_id)["label_config"])
    how = _splitting(settings, wanted, _project_keep(client, wanted.project_id, wanted.out), config)
    for path in wanted.files:
        split = _split(path, how, tell)
        made = import_tasks(client, wanted.project_id, split.tasks)
        yield f"{_told(split)}; {_counted(made, 'task')} in project {wanted.project_id}"


def _to_folder(settings: Settings, wanted: SplitRequest, tell: Tell) -> Iterator[str]:
    if wanted.out is None:
        raise RequestError("no_destination", "there is neither a folder nor a project", "give --out or --project")
    target = wanted.out / TASKS_FILE
    if target.exists():
        raise RequestError("folder_not_empty", f"{target} is there already", "choose another --out, or remove it")
    prefix = wanted.url_prefix or f"{LOCAL_FILES}{quote(wanted.out.resolve().name)}/"
    how = _splitting(settings, wanted, _folder_keep(wanted.out, prefix), None)
    tasks: list[dict[str, Any]] = []
    for path in wanted.files:
        split = _split(path, how, tell)
        tasks += split.tasks
        yield _told(split)
    _write(target, json.dumps(tasks, ensure_ascii=False, indent=1).encode())
    yield f"{_counted(len(tasks), 'task')} in {target}, images under {prefix}"


def _splitting(
    settings: Settings, wanted: SplitRequest, keep: Callable[[str, bytes], str], config: LabelingConfig | None
) -> Splitting:
    """How the files are split; `config` is that of the project, if there is one.

    Raises:
        RequestError: `one_page_only`: the project takes no task of several pages.
    """
    listed = config.multi_page if config else bool(wanted.task_per_file)
    if wanted.task_per_file and not listed:
        raise RequestError(
            "one_page_only",
            f"the Image tag of project {wanted.project_id} shows one page of a task",
            'write valueList="$pages" in place of value (label_configs/pages.xml), or use --one-task-per page',
        )
    return Splitting(
        cache=OcrCache(settings.data_dir / "ocr"),
        keep=keep,
        key=config.value_key if config else (LIST_KEY if listed else SINGLE_KEY),
        listed=listed,
        task_per_file=listed if wanted.task_per_file is None else wanted.task_per_file,
        dpi=wanted.dpi,
        max_pixels=settings.max_megapixels * 1_000_000,
        max_image_bytes=settings.max_image_mb * 1_000_000,
        pages=wanted.pages,
        text=wanted.text,
    )


def _split(path: Path, how: Splitting, tell: Tell) -> SplitFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RequestError("file_missing", f"{path} cannot be read: {error.strerror}") from error
    return split_pdf(path, data, how, lambda done, pages: tell(path.name, done, pages))


def _project_keep(client: LabelStudioClient, project_id: int, out: Path | None) -> Callable[[str, bytes], str]:
    def keep(name: str, data: bytes) -> str:
        if out is not None:
            _write(out / name, data)
        return upload_image(client, project_id, name, data)

    return keep


def _folder_keep(out: Path, prefix: str) -> Callable[[str, bytes], str]:
    def keep(name: str, data: bytes) -> str:
        _write(out / name, data)
        return prefix + name

    return keep


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise RequestError("folder_not_writable", f"{path} cannot be written: {error.strerror}") from error


def _check_names(files: Sequence[Path]) -> None:
    stems = [path.stem for path in files]
    for path in files:
        if stems.count(path.stem) > 1:
            raise RequestError("same_names", f"two files are called {path.stem}", "split them one at a time")


def _told(split: SplitFile) -> str:
    """What became of a file, such as `a.pdf: 3 pages, 2 with text of their own; OCR reads 3 (it has no text)`."""
    own = split.page_count - len(split.for_ocr)
    told = f"{split.name}: {_counted(split.page_count, 'page')}, {own} with text of their own"
    by_reason: dict[str, list[int]] = {}
    for number, reason in split.for_ocr.items():
        by_reason.setdefault(reason, []).append(number)
    for reason, numbers in by_reason.items():
        shown = ", ".join(map(str, numbers[:MOST_SHOWN])) + (" and others" if len(numbers) > MOST_SHOWN else "")
        told += f"; OCR reads {shown} ({reason})"
    return told


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
