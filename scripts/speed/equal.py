"""Whether the fast path says what the library's eager model says in float32: logits, and the labels of words."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification, PreTrainedModel

from backend.encoding.batch import pad_windows
from backend.encoding.tokens import Window
from backend.model.attention import use_fused_attention
from backend.model.classifier import WordClassifier, model_inputs
from backend.model.folders import load_base
from backend.settings import load_settings
from backend.training.examples import page_examples
from backend.training.fit import fit
from backend.training.plan import plan_for
from backend.workshop import Workshop
from scripts.speed.figures import Figure, Options
from scripts.speed.models import BASE_SIZE, CPU, LABELS, PROJECTS, STARTER, base_folder, drawn_examples, save_version
from scripts.speed.processes import fresh_process

PART = "equal"
STEPS = {BASE_SIZE: 60, STARTER: 100}
"""Of fitting, before they are compared: an untrained model gives several tags nearly the same probability."""
QUICK_STEPS = 2
FORMS_LEARNT, FORMS_JUDGED, QUICK_FORMS_JUDGED = 10, 30, 5
LARGEST_DIFFERENCE = 1e-4
LEAST_SAME_PERCENT = 99.5


def measure(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in STEPS:
            with fresh_process() as process:
                figures += process.submit(compare, Path(folder), size, options).result()
    return figures


def compare(data_dir: Path, size: str, options: Options) -> list[Figure]:
    """The figures of one size, fitted to drawn forms and compared on others."""
    workshop = Workshop(load_settings({"DATA_DIR": str(data_dir), "DEVICE": "cpu"}))
    steps = QUICK_STEPS if options.quick else STEPS[size]
    folder = _fitted(data_dir, size, options.seed, steps, workshop.device)
    version = workshop.models.get(PROJECTS[size])
    assert version is not None
    assert version.tagger.deep is not None
    served = version.tagger.deep
    judged = QUICK_FORMS_JUDGED if options.quick else FORMS_JUDGED
    pages = [page for page, _ in drawn_examples(FORMS_LEARNT + judged)][FORMS_LEARNT:]
    windows = [served.encoder.encode(page) for page in pages]
    # Pages of several windows would compare how windows are joined as well.
    single = [(page, found[0]) for page, found in zip(pages, windows, strict=True) if len(found) == 1]

    plain = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32).eval()
    fused = use_fused_attention(copy.deepcopy(plain))
    pad_id = served.encoder.spec.pad_id
    expected = [_word_logits(plain, window, pad_id) for _, window in single]
    found = [_word_logits(fused, window, pad_id) for _, window in single]
    difference = max(float((one - other).abs().max()) for one, other in zip(expected, found, strict=True))
    tags = [
        torch.from_numpy(probabilities).argmax(-1) for probabilities in served.probabilities([p for p, _ in single])
    ]
    same = torch.cat([one.argmax(-1) == other for one, other in zip(expected, tags, strict=True)])
    percent = 100 * float(same.float().mean())
    fitted = f"{size} after {steps} steps"
    return [
        Figure(
            PART,
            f"largest difference of a logit, float32, {fitted}",
            difference,
            "",
            asked=f"<= {LARGEST_DIFFERENCE:g}",
            met=difference <= LARGEST_DIFFERENCE,
        ),
        Figure(
            PART,
            f"same label as served, {fitted}, {len(same)} words",
            percent,
            "%",
            asked=f">= {LEAST_SAME_PERCENT:g} %",
            met=percent >= LEAST_SAME_PERCENT,
        ),
    ]


def _fitted(data_dir: Path, size: str, seed: int, steps: int, device: torch.device) -> Path:
    """The folder of a live version whose deep learner has learnt a little."""
    torch.manual_seed(seed)
    model, encoder = load_base(base_folder(data_dir, size, seed), LABELS)
    pages = drawn_examples(FORMS_LEARNT)
    fitted = fit(
        model,
        encoder,
        [example for page, tags in pages for example in page_examples(page, tags, encoder)],
        [],
        plan=plan_for(FORMS_LEARNT, starter=size == STARTER, most_steps=steps),
        device=device,
        workdir=data_dir / f"run {PROJECTS[size]}",
        progress=lambda *told: None,
    )
    return save_version(data_dir, PROJECTS[size], None, WordClassifier(fitted, encoder, LABELS, CPU))


def _word_logits(model: PreTrainedModel, window: Window, pad_id: int) -> Tensor:
    """(W, C) the logits at the first token of each word of a window, in float32."""
    with torch.inference_mode():
        logits: Tensor = model(**model_inputs(pad_windows([window], pad_id), CPU)).logits
    return logits[0, window.first_tokens]
