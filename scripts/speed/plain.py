"""The plain way, as tutorials do it: the library's processor with its OCR, its eager model in float32, page by page.

Nothing of the backend is imported here: that would change the settings of pytesseract and of torch.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytesseract
import torch
import transformers
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from transformers import (
    LayoutLMv2Tokenizer,
    LayoutLMv3Config,
    LayoutLMv3ForTokenClassification,
    LayoutLMv3ImageProcessor,
    LayoutLMv3Processor,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

MOST_TOKENS = 512

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


@dataclass(frozen=True, slots=True)
class PlainPage:
    """Seconds that a page took, and of these the seconds in the processor, which is nearly all OCR."""

    seconds: float
    processor: float


def read_page(folder: Path, image: bytes) -> PlainPage:
    """A page's words to their labels by the model in a folder.

    Raises:
        RuntimeError: this process has the backend's settings of pytesseract.
    """
    if "OMP_THREAD_LIMIT" in pytesseract.pytesseract.environ:
        raise RuntimeError("the plain way needs a process in which nothing of the backend was imported")
    processor, model = _loaded(folder)
    started = time.perf_counter()
    picture = Image.open(io.BytesIO(image)).convert("RGB")
    inputs = processor(picture, return_tensors="pt", padding="max_length", truncation=True)
    processed = time.perf_counter()
    if not model.config.visual_embed:
        del inputs["pixel_values"]
    with torch.no_grad():
        model(**inputs).logits.argmax(-1).tolist()
    return PlainPage(time.perf_counter() - started, processed - started)


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    tokenizer = LayoutLMv2Tokenizer(vocab=vocabulary, model_max_length=MOST_TOKENS)
    processor = LayoutLMv3Processor(LayoutLMv3ImageProcessor(apply_ocr=True), tokenizer)
    return processor, LayoutLMv3ForTokenClassification.from_pretrained(folder, dtype=torch.float32).eval()


class FullWindows(Dataset[dict[str, Tensor]]):
    """Windows of 512 tokens, for a visual model with a picture, random but for their form."""

    def __init__(self, count: int, config: LayoutLMv3Config) -> None:
        self.count = count
        self.config = config

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: int) -> dict[str, Tensor]:
        corners = torch.randint(0, 500, (MOST_TOKENS, 2))
        picture = {"pixel_values": torch.rand(3, 224, 224)} if self.config.visual_embed else {}
        return {
            "input_ids": torch.randint(5, self.config.vocab_size, (MOST_TOKENS,)),
            "bbox": torch.cat([corners, corners + 20], dim=1),
            "attention_mask": torch.ones(MOST_TOKENS, dtype=torch.long),
            "labels": torch.randint(0, self.config.num_labels, (MOST_TOKENS,)),
            **picture,
        }


class StepTimes(TrainerCallback):  # type: ignore[misc] # transformers ships no types
    """When each optimizer step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.ends.append(time.perf_counter())


def train(folder: Path, workdir: Path, steps: int, batch_size: int, device: str) -> list[float]:
    """Seconds of each optimizer step but the first, by a plain `Trainer`."""
    model = LayoutLMv3ForTokenClassification.from_pretrained(folder, dtype=torch.float32)
    times = StepTimes()
    arguments = TrainingArguments(
        output_dir=str(workdir),
        max_steps=steps,
        per_device_train_batch_size=batch_size,
        use_cpu=device == "cpu",
        save_strategy="no",
        disable_tqdm=True,
        report_to=[],
    )
    windows = FullWindows(steps * batch_size, model.config)
    trainer = Trainer(model=model, args=arguments, train_dataset=windows, callbacks=[times])
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [end - start for start, end in pairwise(times.ends)]
