"""OCR engines of one's own: found, made, and kept from doing harm."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from PIL import Image

from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import ServiceError, TaskError
from backend.ocr.auto import make_engine
from backend.ocr.engine import OcrEngine
from backend.ocr.engines import OwnEngine
from tests.own_engine import ENGINE_NAME, install_engine

PAGE = Image.new("RGB", (200, 100), "white")


def made(name: str, languages: str = "eng") -> OcrEngine:
    return make_engine(name, languages=languages, page_segmentation="auto", timeout_s=60)


def write_module(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, body: str) -> str:
    """A module of somebody's own; the dotted path of its `Engine`."""
    (folder / f"{name}.py").write_text(body)
    monkeypatch.syspath_prepend(str(folder))
    return f"{name}:Engine"


@pytest.mark.parametrize("by_path", [False, True])
def test_an_installed_engine_is_found_by_its_name_and_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_path: bool
) -> None:
    monkeypatch.syspath_prepend(str(install_engine(tmp_path)))
    engine = made("greeting_ocr:GreetingEngine" if by_path else ENGINE_NAME, "deu")
    assert isinstance(engine, OwnEngine)
    assert engine.identity.endswith("greeting 1 deu")
    assert [word.text for word in engine.read(PAGE)] == ["Hello", "deu"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import nowhere_to_be_found", "cannot be imported (ModuleNotFoundError: nowhere_to_be_found)"),
        ("1 / 0", "cannot be imported (ZeroDivisionError)"),
        ("Other = 1", "cannot be imported (AttributeError)"),
        ("Engine = 1", "nothing that can be called"),
        ("class Engine:\n    def __init__(self): pass", "cannot be made (TypeError)"),
        ("class Engine:\n    def __init__(self, **settings): pass", "cannot be made (AttributeError)"),
        (
            "class Engine:\n    identity = 1\n    read = print\n    def __init__(self, **settings): pass",
            "no text as its identity",
        ),
    ],
)
def test_a_broken_engine_is_told_by_its_name_and_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, body: str, words: str
) -> None:
    name = f"broken{abs(hash(request.node.name))}"
    path = write_module(tmp_path, monkeypatch, name, body)
    with pytest.raises(ServiceError) as caught:
        made(path)
    assert caught.value.code == "ocr_engine"
    assert words in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_name_that_no_package_has_is_told() -> None:
    with pytest.raises(ServiceError, match="'nobody' is not installed"):
        made("nobody")


class Reads:
    """An engine that gives what it was told, or raises it."""

    identity = "one"

    def __init__(self, gives: object) -> None:
        self.gives = gives

    def read(self, image: Image.Image) -> list[Word]:
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives  # type: ignore[return-value] # what the test is about


@pytest.mark.parametrize("gives", [ValueError("in /home/me"), None, ["Hello"], [{"text": "Hello"}]])
def test_what_it_does_wrong_costs_one_page(gives: object) -> None:
    with pytest.raises(TaskError) as caught:
        OwnEngine("mine", Reads(gives), "mine one eng").read(PAGE)
    assert caught.value.code == "ocr_failed"
    assert "/home" not in caught.value.message


def test_an_error_of_the_products_own_says_more() -> None:
    mine = TaskError("ocr_timeout", "too slow")
    with pytest.raises(TaskError) as caught:
        OwnEngine("mine", Reads(mine), "mine one eng").read(PAGE)
    assert caught.value is mine


def test_words_are_cut_to_the_page_and_what_is_none_is_left_out() -> None:
    words = [
        Word("two words", Box(-10, 5, 50, 20), 1.7),
        Word("  ", Box(0, 0, 10, 10), 1.0),
        Word("beside", Box(300, 0, 400, 10), 1.0),
        Word("nowhere", Box(0, 0, math.nan, 10), 1.0),
        Word("unsure", Box(60, 0, 90, 10), math.nan),
    ]
    assert OwnEngine("mine", Reads(words), "mine one eng").read(PAGE) == [
        Word("twowords", Box(0, 5, 50, 20), 1.0),
        Word("unsure", Box(60, 0, 90, 10), 0.0),
    ]
