"""Versions for the served parts: each with a deep learner of its own, so that none is shared with another."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from backend.model.classifier import WordClassifier
from backend.model.folders import load_base
from backend.training.fit_crf import fit_crf
from scripts.speed.models import CPU, FORMS_LEARNT, LABELS, base_folder, drawn_examples, save_version

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def publish(data_dir: Path, project: int, size: str, *, seed: int) -> int:
    """A version of this size in a project, served from now on; its number.

    Args:
        seed: of the new head; another one makes another file of weights.
    """
    folder = base_folder(data_dir, size, 0)
    torch.manual_seed(seed)
    deep = WordClassifier(*load_base(folder, LABELS), LABELS, CPU)
    fast = fit_crf(drawn_examples(FORMS_LEARNT), LABELS)
    return int(save_version(data_dir, project, fast, deep).name)
