import pytest
from PIL import Image, ImageFilter

from backend.document.geometry import Box
from backend.document.page import Word
from backend.errors import ServiceError, TaskError
from backend.ocr.auto import LEAST_CONFIDENCE, AutoEngine, confidence, make_engine
from backend.ocr.rapid import RapidEngine
from backend.ocr.tesseract import TesseractEngine
from tests.drawn import draw_receipt
from tests.ocr.test_engine import ScriptedEngine

PAGE = Image.new("RGB", (100, 100), "white")
THOROUGH = [Word("thorough", Box(0, 0, 10, 10), 0.5)]


def words(sureness: float) -> list[Word]:
    return [Word("quick", Box(0, 0, 10, 10), sureness)]


class Failing:
    identity = "failing"

    def read(self, image: Image.Image) -> list[Word]:
        raise TaskError("ocr_failed", "broken")


@pytest.mark.parametrize(("sureness", "text"), [(LEAST_CONFIDENCE, "quick"), (LEAST_CONFIDENCE - 0.01, "thorough")])
def test_a_page_that_is_read_badly_is_read_again(sureness: float, text: str) -> None:
    engine = AutoEngine(ScriptedEngine(words(sureness)), ScriptedEngine(THOROUGH))
    assert [word.text for word in engine.read(PAGE)] == [text]


def test_a_page_without_words_is_read_again() -> None:
    assert AutoEngine(ScriptedEngine([]), ScriptedEngine(THOROUGH)).read(PAGE) == THOROUGH


@pytest.mark.parametrize("second", [Failing(), ScriptedEngine([])])
def test_a_second_reading_that_gives_nothing_costs_nothing(second: ScriptedEngine) -> None:
    assert AutoEngine(ScriptedEngine(words(0.1)), second).read(PAGE) == words(0.1)


def test_the_identity_names_both_engines() -> None:
    identity = AutoEngine(ScriptedEngine([], "one"), ScriptedEngine([], "two")).identity
    assert "one" in identity
    assert "two" in identity


def test_long_words_count_for_more() -> None:
    box = Box(0, 0, 1, 1)
    assert confidence([Word("abc", box, 1.0), Word("d", box, 0.0)]) == 0.75
    assert confidence([]) == 0


@pytest.mark.parametrize(
    ("name", "languages", "kind"),
    [
        ("auto", "eng", AutoEngine),
        ("auto", "eng+deu", TesseractEngine),
        ("tesseract", "eng", TesseractEngine),
        ("rapidocr", "eng", RapidEngine),
    ],
)
def test_the_setting_and_the_languages_choose(name: str, languages: str, kind: type) -> None:
    assert type(make_engine(name, languages=languages, page_segmentation="auto", timeout_s=60)) is kind


def test_rapidocr_is_refused_for_languages_it_does_not_read() -> None:
    with pytest.raises(ServiceError, match="deu"):
        make_engine("rapidocr", languages="eng+deu", page_segmentation="auto", timeout_s=60)


def test_a_clean_page_stays_with_tesseract_and_a_blurred_one_does_not() -> None:
    tesseract = TesseractEngine()
    clean = draw_receipt(0).image
    assert confidence(tesseract.read(clean)) >= LEAST_CONFIDENCE
    assert confidence(tesseract.read(clean.filter(ImageFilter.GaussianBlur(2.2)))) < LEAST_CONFIDENCE
