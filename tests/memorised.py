"""A drawn page, a version that has memorised it, and the parts a story needs around them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend.document.label_set import LabelSet
from backend.label_studio.config import LabelingConfig, parse_labeling_config
from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.ocr.cache import OcrCache
from backend.ocr.tesseract import TesseractEngine
from backend.pipelines.reading import PageReader
from backend.training.align import align
from backend.training.examples import page_examples
from backend.training.fit import fit
from backend.training.plan import TrainPlan
from tests.drawn import DrawnPage
from tests.tiny_model import save_tiny_base

FORMS = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image" smart="true">
    <Label value="header"/><Label value="question"/><Label value="answer"/>
  </RectangleLabels>
  <TextArea name="text" toName="image" perRegion="true"/>
</View>
"""
LABELS = LabelSet(("header", "question", "answer"))
CPU = torch.device("cpu")


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def form_png(drawn_form: DrawnPage) -> bytes:
    return png(drawn_form.image)


@pytest.fixture(scope="session")
def config() -> LabelingConfig:
    return parse_labeling_config(FORMS)


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> PageReader:
    return PageReader(TesseractEngine("eng"), OcrCache(tmp_path_factory.mktemp("ocr")), 100_000_000)


@pytest.fixture(scope="session")
def memorised(
    reader: PageReader, form_png: bytes, drawn_form: DrawnPage, tmp_path_factory: pytest.TempPathFactory
) -> WordClassifier:
    """A tiny model that knows the drawn form by heart."""
    folder: Path = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    model, encoder = load_base(save_tiny_base(folder / "tiny"), LABELS)
    page = reader.read_bytes(form_png)
    examples = page_examples(page, align(page, drawn_form.boxes, LABELS), encoder)
    plan = TrainPlan(
        steps=150, body_rate=3e-3, head_rate=3e-3, label_smoothing=0.0, jitter_scale=0.0, jitter_shift=0, batch_size=4
    )
    fitted = fit(
        model, encoder, examples, [], plan=plan, device=CPU, workdir=folder / "run", progress=lambda *told: None
    )
    return WordClassifier(fitted, encoder, LABELS, CPU)
