"""Real Tesseract on drawn pages, and programs that stand in for a broken one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytesseract
import pytest
from PIL import Image

from backend.document.page import Word
from backend.errors import ServiceError, TaskError
from backend.ocr.tesseract import TesseractEngine, check_ocr
from tests.drawn import Canvas, DrawnPage
from tests.ocr.fake_tesseract import install, printing, table

PAGE = Image.new("RGB", (800, 600), "white")
MANY_WORDS = tuple((f"word{number}", 95.0, 20, 30 * number, 60, 15) for number in range(1, 10))


def share_read(true_words: list[Word], words: list[Word]) -> float:
    """How many true words were read exactly, in their places."""
    read = [any(word.text == true.text and word.box.iou(true.box) > 0.5 for word in words) for true in true_words]
    return sum(read) / len(read)


def test_words_of_a_form_are_read_where_they_stand(drawn_form: DrawnPage) -> None:
    assert share_read(drawn_form.words, TesseractEngine().read(drawn_form.image)) >= 0.95


def test_words_of_a_receipt_are_read_where_they_stand(drawn_receipt: DrawnPage) -> None:
    assert share_read(drawn_receipt.words, TesseractEngine().read(drawn_receipt.image)) >= 0.95


def test_small_scan_gives_boxes_in_its_own_pixels(drawn_form: DrawnPage) -> None:
    half = drawn_form.image.resize((drawn_form.image.width // 2, drawn_form.image.height // 2), Image.Resampling.BOX)
    words = TesseractEngine().read(half)
    true = [Word(word.text, word.box.scaled(0.5, 0.5), 1.0) for word in drawn_form.words]
    assert share_read(true, words) >= 0.7
    assert all(word.box == word.box.clipped(*half.size) for word in words)


def test_faint_print_is_read() -> None:
    canvas = Canvas(600, 300)
    canvas.write_block(["Invoice number A20311", "Amount payable 185.40"], (40, 80), 24)
    page = canvas.finish()
    faint = page.image.point(lambda level: 205 + level * 50 // 255)
    assert share_read(page.words, TesseractEngine().read(faint)) == 1.0


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (1240, 1754)])
def test_page_without_text_has_no_words(size: tuple[int, int]) -> None:
    assert TesseractEngine().read(Image.new("RGB", size, "white")) == []


def test_strip_wider_than_tesseract_takes_is_read() -> None:
    canvas = Canvas(40_000, 40)
    canvas.write("Beginning", (100, 28), 24)
    canvas.write("Ending", (39_800, 28), 24)
    page = canvas.finish()
    assert share_read(page.words, TesseractEngine().read(page.image)) == 1.0


def test_strip_that_cannot_be_made_to_fit_is_refused() -> None:
    with pytest.raises(TaskError) as caught:
        TesseractEngine().read(Image.new("L", (400_000, 20), 255))
    assert caught.value.code == "ocr_refused_size"


def test_identity_tells_languages_and_segmentation_apart() -> None:
    engines = [TesseractEngine(), TesseractEngine("eng+osd"), TesseractEngine(page_segmentation="4")]
    identities = {engine.identity for engine in engines}
    assert len(identities) == 3
    assert all("tesseract 5" in identity for identity in identities)


def test_nothing_is_missing_for_installed_languages() -> None:
    assert check_ocr("eng+osd") == []


def test_FA36_a_missing_language_names_its_package() -> None:
    assert [sentence.split()[-1] for sentence in check_ocr("eng+chi_sim+xyz")] == [
        "tesseract-ocr-chi-sim",
        "tesseract-ocr-xyz",
    ]
    with pytest.raises(ServiceError, match="tesseract-ocr-xyz") as caught:
        _ = TesseractEngine("eng+xyz").identity
    assert caught.value.code == "ocr_missing"


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(tmp_path / "tesseract"))
    assert check_ocr("eng") == ["Tesseract is missing: apt install tesseract-ocr"]
    with pytest.raises(ServiceError, match="apt install tesseract-ocr") as caught:
        TesseractEngine().read(PAGE)
    assert caught.value.code == "ocr_missing"
    assert caught.value.http_status == 503


def test_program_that_does_not_start_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, "exit 3")
    (sentence,) = check_ocr("eng")
    assert "does not start" in sentence


def test_FA35_a_hanging_program_is_ended_at_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, f'echo $$ > "{tmp_path}/pid"\nexec sleep 60')
    started = time.monotonic()
    with pytest.raises(TaskError) as caught:
        TesseractEngine(timeout_s=0.5).read(PAGE)
    assert caught.value.code == "ocr_timeout"
    assert time.monotonic() - started < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_FA36_a_crash_is_told_without_places_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, monkeypatch, 'echo "Error opening data file /usr/share/eng.traineddata" >&2; exit 1')
    with pytest.raises(TaskError, match=r"Error opening data file$") as caught:
        TesseractEngine().read(PAGE)
    assert caught.value.code == "ocr_failed"
    assert "/" not in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        "exit 0",
        'printf "\\377\\376\\000" > "$2.tsv"',
        'printf "once upon a time\\nthere was a page\\n" > "$2.tsv"',
        'printf "level\\ttext\\n5\\tword\\n" > "$2.tsv"',
        "kill -SEGV $$",
    ],
    ids=["nothing", "bytes", "prose", "half a table", "crash"],
)
def test_FA36_garbage_is_one_failed_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    install(tmp_path, monkeypatch, body)
    with pytest.raises(TaskError) as caught:
        TesseractEngine().read(PAGE)
    assert caught.value.code == "ocr_failed"


def test_only_the_program_is_held_to_one_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = printing(tmp_path, "table", table(*MANY_WORDS))
    install(tmp_path, monkeypatch, f'echo "$OMP_THREAD_LIMIT $MARK" > "{tmp_path}/seen"\n{content}')
    monkeypatch.setenv("MARK", "from outside")
    TesseractEngine().read(PAGE)
    assert (tmp_path / "seen").read_text() == "1 from outside\n"
    assert "OMP_THREAD_LIMIT" not in os.environ


def modes_asked(monkeypatch: pytest.MonkeyPatch, folder: Path, engine: TesseractEngine, content: str) -> list[str]:
    install(folder, monkeypatch, f'echo "$@" | grep -o -e "--psm [0-9]*" >> "{folder}/modes"\n{content}')
    engine.read(PAGE)
    return (folder / "modes").read_text().split("\n")[:-1]


def test_page_with_words_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = printing(tmp_path, "table", table(*MANY_WORDS))
    assert modes_asked(monkeypatch, tmp_path, TesseractEngine(), content) == ["--psm 6"]


def test_chosen_segmentation_is_the_only_one_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = TesseractEngine(page_segmentation="4")
    content = printing(tmp_path, "table", table())
    assert modes_asked(monkeypatch, tmp_path, engine, content) == ["--psm 4", "--psm 4"]


def test_page_with_almost_no_words_is_read_as_sparse_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few = printing(tmp_path, "few", table(MANY_WORDS[0]))
    many = printing(tmp_path, "many", table(*MANY_WORDS))
    install(tmp_path, monkeypatch, f'case "$*" in *"--psm 6"*) {few};; *) {many};; esac')
    assert len(TesseractEngine().read(PAGE)) == len(MANY_WORDS)


def test_first_reading_stands_when_the_second_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few = printing(tmp_path, "few", table(MANY_WORDS[0]))
    install(tmp_path, monkeypatch, f'case "$*" in *"--psm 6"*) {few};; *) exit 1;; esac')
    assert [word.text for word in TesseractEngine().read(PAGE)] == ["word1"]


def test_specks_rules_and_pictures_are_not_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = (
        *MANY_WORDS,
        ("|", 20.0, 300, 20, 2, 15),
        ("&", 90.0, 320, 20, 10, 15),
        ("Io", 20.0, 400, 20, 200, 500),
        ("flat", 95.0, 700, 20, 30, 0),
        ("edge", 95.0, 780, 500, 60, 15),
        ("   ", 95.0, 500, 20, 60, 15),
    )
    install(tmp_path, monkeypatch, printing(tmp_path, "table", table(*words)))
    read = TesseractEngine().read(PAGE)
    assert {word.text for word in read} == {*(text for text, *_ in MANY_WORDS), "&", "edge"}
    (edge,) = (word for word in read if word.text == "edge")
    assert edge.box.right == 800
    assert edge.confidence == 0.95
