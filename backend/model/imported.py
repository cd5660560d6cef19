"""A model that was fine-tuned elsewhere: a folder such as `save_pretrained` of transformers makes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from backend.document.label_set import LabelSet
from backend.encoding.tokens import Encoder
from backend.errors import RequestError, ServiceError
from backend.model.attention_check import use_fastest_attention
from backend.model.classifier import OutputShares, WordClassifier
from backend.model.folders import encoding_for, read_tokenizer

NEEDED = ("config.json", "tokenizer.json")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
MAKE_SAFE = (
    "where you trust it, load it with AutoModelForTokenClassification.from_pretrained and its fast tokenizer with "
    "AutoTokenizer, and save both with save_pretrained"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A fine-tuned token classification model.

    Attributes:
        outputs: the name of each of its outputs.
    """

    model: PreTrainedModel
    encoder: Encoder
    outputs: tuple[str, ...]

    def classifier(self, label_set: LabelSet, shares: OutputShares, device: torch.device) -> WordClassifier:
        """It as the deep learner of a project with these labels; `shares` as `WordClassifier` has them."""
        model = use_fastest_attention(self.model, device)
        return WordClassifier(model, self.encoder, label_set, device, shares=shares)


def load_checkpoint(folder: Path, *, segment_boxes: bool) -> Checkpoint:
    """The model of a folder, in the machine's memory. Nothing is unpickled, and no code of the folder is run.

    Args:
        segment_boxes: it was trained with the boxes of line segments, not of single words.

    Raises:
        RequestError: `checkpoint_incomplete` or `checkpoint_unsuitable`, with what to do about it.
    """
    _check_files(folder)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if not hasattr(config, "max_2d_position_embeddings"):
            raise _unsuitable(folder, f"{config.model_type} takes no word boxes", "LayoutLM, LayoutLMv3 and LiLT do")
        model, report = AutoModelForTokenClassification.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
        tokenizer = read_tokenizer(folder)
        spec = encoding_for(config, tokenizer)
    except ServiceError as error:
        raise _unsuitable(folder, error.message, MAKE_SAFE) from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise _unsuitable(folder, f"it does not load ({type(error).__name__})", MAKE_SAFE) from error
    missing = sorted(name for name in report["missing_keys"] if not name.endswith("position_ids"))
    if missing:
        cause = f"its weights lack {len(missing)} tensors, {missing[0]} for one"
        raise _unsuitable(folder, cause, "a base model without a trained head belongs into BASE_MODEL")
    names = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    # The starter's own encoding is known from its files; the boxes of other models are not.
    spec = spec if spec.segment_types else replace(spec, segment_boxes=segment_boxes)
    return Checkpoint(model, Encoder(tokenizer, spec), names)


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise RequestError(
            "checkpoint_incomplete", f"{folder} is no folder", "name the folder that save_pretrained made"
        )
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in WEIGHTS):
        missing.append("model.safetensors")
    if missing:
        pickled = (folder / "pytorch_model.bin").is_file()
        remark = "; pytorch_model.bin is a pickle, which can run any code, and is not read" if pickled else ""
        raise RequestError("checkpoint_incomplete", f"{folder.name} lacks {', '.join(missing)}{remark}", MAKE_SAFE)
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise _unsuitable(folder, "its config.json is no JSON", MAKE_SAFE) from None


def _unsuitable(folder: Path, cause: str, hint: str) -> RequestError:
    return RequestError("checkpoint_unsuitable", f"{folder.name} cannot be used: {cause}", hint)
