"""Who may import whom (docs/ARCHITECTURE.md), and in which rooms the heavy libraries are met."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

import pytest

from tests.house.source import Source, backend_sources, product_sources

ANYWHERE = {"errors"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "logs": set(),
    "settings": set(),
    "timing": set(),
    "cores": set(),
    "document": set(),
    "label_studio": {"document"},
    "pages": {"document"},
    "ocr": {"cores", "document"},
    "versions": {"document"},
    "encoding": {"document"},
    "model": {"cores", "versions", "encoding", "document"},
    "inference": {"document"},
    "exchange": {"encoding", "document"},
    "training": {"cores", "model", "versions", "encoding", "inference", "document"},
    "reports": {"training", "label_studio", "versions", "document"},
    "jobs": {"versions", "label_studio", "settings", "logs", "document"},
    "service": {"doctor", "jobs", "label_studio", "versions", "ocr", "settings", "logs", "timing", "document"},
    "supervise": {"settings", "logs", "jobs", "versions", "ocr"},
    "doctor": {"jobs", "label_studio", "ocr", "pages", "versions", "settings"},
    "commands": {"settings"},
    "cli": {"commands", "settings", "logs", "supervise"},
    "__main__": {"cli"},
}
"""Room -> rooms it may import. `pipelines` and `ml_backend` have rules of their own below."""

EXCEPTIONS = {
    ("backend.service.web", "pipelines"): "the way to Label Studio, for the dispatcher's comparison; no torch there",
    ("backend.doctor.case", "pipelines"): "the way to Label Studio, as a prediction has it; no torch there",
    ("backend.doctor.studios", "pipelines"): "the same",
    ("backend.doctor.weights", "model"): "which base model would be taken; that module is without torch on purpose",
}

BELOW_PIPELINES = {
    *("document", "label_studio", "pages", "ocr", "versions", "encoding", "model", "inference", "exchange"),
    *("settings", "logs", "timing", "cores"),
}
LIBRARY_ROOMS = {
    "flask": {"service"},
    "werkzeug": {"service"},
    "itsdangerous": {"service"},
    "rq": {"jobs", "supervise"},
    "redis": {"jobs", "supervise", "prelabeling"},
    "pypdfium2": {"pages"},
    "jiwer": {"reports"},
    "dateparser": {"inference"},
    "price_parser": {"inference"},
    "pytesseract": {"ocr"},
    "rapidocr": {"ocr"},
    "matplotlib": {"reports"},
    "prometheus_client": {"service"},
    "label_studio_ml": {"ml_backend"},
    "requests": {"label_studio", "pages", "doctor"},
    "gunicorn": {"service"},
}
NO_TORCH = {
    "document",
    "label_studio",
    "pages",
    "ocr",
    "versions",
    "encoding",
    "inference",
    "exchange",
    "reports",
    "jobs",
    "service",
    "supervise",
    "doctor",
}

SOURCES = backend_sources()


def rooms_of(source: Source) -> set[str]:
    """The other rooms a module imports."""
    found = {name.split(".")[1] for name in source.imports if name.startswith("backend.")}
    return found - {source.room} - ANYWHERE


def libraries_of(source: Source) -> set[str]:
    return {name.split(".")[0] for name in source.imports}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_room_imports_only_what_it_may(source: Source) -> None:
    if source.room in ("", "workshop", "ml_backend", "prelabeling", "shell"):
        return
    allowed = BELOW_PIPELINES | {"training", "reports"} if source.room == "pipelines" else ALLOWED[source.room]
    assert rooms_of(source) - {room for name, room in EXCEPTIONS if name == source.name} <= allowed


def test_exceptions_are_still_needed() -> None:
    by_name = {source.name: source for source in SOURCES}
    assert [(name, room) for name, room in EXCEPTIONS if room not in rooms_of(by_name[name])] == []


def reached_from(*names: str) -> set[Source]:
    """The modules that are loaded when these are imported."""
    by_name = {source.name: source for source in SOURCES}
    reached: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name in by_name and name not in reached:
            reached.add(name)
            ahead += by_name[name].imports
    return {by_name[name] for name in reached}


def test_the_predict_story_never_reaches_the_training_room() -> None:
    reached = reached_from("backend.ml_backend", "backend.pipelines.predict")
    assert len(reached) > 10
    assert not {source.name for source in reached if source.room == "training"}


@pytest.mark.parametrize(
    "start",
    ["backend.service.web", "backend.jobs.worker", "backend.jobs.train_job", "backend.cli", "backend.doctor.examine"],
)
def test_a_process_starts_without_torch(start: str) -> None:
    reached = reached_from(start)
    assert reached
    assert not {
        source.name
        for source in reached
        if libraries_of(source) & {"torch", "transformers", "label_studio_ml", "matplotlib", "scipy"}
    }


def test_settings_imports_only_errors() -> None:
    [settings] = [source for source in SOURCES if source.name == "backend.settings"]
    assert {name for name in settings.imports if name.startswith("backend")} <= {
        "backend.errors",
        "backend.errors.SettingsError",
    }


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_heavy_libraries_are_met_in_their_rooms_only(source: Source) -> None:
    for library in libraries_of(source) & set(LIBRARY_ROOMS):
        assert source.room in LIBRARY_ROOMS[library], library
    if source.room in NO_TORCH:
        assert not libraries_of(source) & {"torch", "transformers", "label_studio_ml", "accelerate"}
    if any(name.startswith("transformers.Trainer") for name in source.imports):
        assert source.room == "training"


@pytest.mark.parametrize(
    ("library", "module"), [("pytesseract", "backend.ocr.tesseract"), ("rapidocr", "backend.ocr.rapid")]
)
def test_each_ocr_library_is_met_in_one_module(library: str, module: str) -> None:
    assert [source.name for source in SOURCES if library in libraries_of(source)] == [module]


def test_imports_make_no_cycle() -> None:
    names = {source.name for source in SOURCES}
    # A package that only holds a note imports nothing; its modules are counted one by one.
    graph = {source.name: {name for name in source.imports if name in names} - {source.name} for source in SOURCES}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(names)


@pytest.mark.parametrize("source", product_sources(), ids=lambda source: source.name)
def test_nothing_is_imported_inside_a_function(source: Source) -> None:
    functions = [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [node for function in functions for node in ast.walk(function)]
    assert not [node.lineno for node in inside if isinstance(node, ast.Import | ast.ImportFrom)]


LATE_IMPORTS = {
    "backend.ml_backend",
    "backend.service.loading",
    "backend.service.ui.examination",
    "backend.jobs.train_job",
    "backend.jobs.prelabel_job",
    "backend.prelabeling",
}
"""Modules that import by name when they are called, each for a reason that it states; so do all of `commands`."""


def test_modules_are_imported_by_name_in_few_places() -> None:
    outside_commands = [source for source in SOURCES if source.room != "commands"]
    found = {
        source.name for source in outside_commands for called, _ in source.calls() if called.endswith("import_module")
    }
    assert found <= LATE_IMPORTS
