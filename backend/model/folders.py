"""Model folders: a base model to start from, a version to serve.

Both hold config.json, model.safetensors and tokenizer.json; a version also encoding.json. Only
safetensors are read, nothing is ever unpickled, and code inside a folder is never run.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForTokenClassification, PretrainedConfig, PreTrainedModel

from backend.document.label_set import LabelSet
from backend.encoding.spec import EncodingSpec
from backend.encoding.tokens import Encoder
from backend.errors import ServiceError, VersionError
from backend.model.attention_check import use_fastest_attention
from backend.model.classifier import OutputShares, WordClassifier
from backend.model.device import bf16_pays
from backend.model.faults import CPU, give_up, is_gpu_failure, is_memory_short, working
from backend.model.starter import TOKEN_TYPES
from backend.versions.files import file_state

LOG = logging.getLogger(__name__)

OUTPUTS_FILE = "outputs.json"
"""Of a model that was trained elsewhere: what its outputs mean."""
CLASSIFIER_FILES = ("config.json", "encoding.json", "tokenizer.json", OUTPUTS_FILE)
WEIGHTS_FILE = "model.safetensors"
SPECIAL_TOKENS = (("[CLS]", "<s>"), ("[SEP]", "</s>"), ("[PAD]", "<pad>"))

_LOADED: WeakValueDictionary[tuple[Any, ...], WordClassifier] = WeakValueDictionary()
"""The classifiers in use in this process, by the state of their weights' file, their labels and device."""


def load_base(folder: Path, label_set: LabelSet, device: torch.device = CPU) -> tuple[PreTrainedModel, Encoder]:
    """A base model with a new head for these labels, on the CPU, and the encoder that suits it.

    Args:
        device: where it will run.

    Raises:
        ServiceError: `base_model_unsuitable`: no token classifier over words with boxes.
    """
    tokenizer = read_tokenizer(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if not hasattr(config, "max_2d_position_embeddings"):
        raise ServiceError(
            "base_model_unsuitable",
            f"base model {folder.name} ({config.model_type}) takes no word boxes",
            "choose a LayoutLM, LayoutLMv3 or LiLT model",
        )
    config.id2label = dict(enumerate(label_set.tag_names()))  # sets the size of the head too
    config.attention_probs_dropout_prob = 0.0  # with it the fused attention cannot be used, which costs half the speed
    model = AutoModelForTokenClassification.from_pretrained(
        folder,
        config=config,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        dtype=torch.float32,
    )
    return use_fastest_attention(model, device), Encoder(tokenizer, encoding_for(config, tokenizer))


def encoding_for(config: PretrainedConfig, tokenizer: Tokenizer) -> EncodingSpec:
    """How a base model wants its words, from its configuration and vocabulary."""
    starter = config.model_type == "layoutlmv3" and config.type_vocab_size == TOKEN_TYPES
    cls_id, sep_id, pad_id = (_special_id(tokenizer, names) for names in SPECIAL_TOKENS)
    # LayoutLMv3 and LiLT count positions from pad_id + 1, so the table is that much shorter than it looks.
    lost = 0 if config.model_type == "layoutlm" else pad_id + 1
    return EncodingSpec(
        max_tokens=min(512, config.max_position_embeddings - lost),
        segment_boxes=not starter,
        segment_types=starter,
        visual=config.model_type == "layoutlmv3" and bool(config.visual_embed),
        cls_id=cls_id,
        sep_id=sep_id,
        pad_id=pad_id,
    )


def read_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer.

    Raises:
        ValueError: it is missing or damaged; the library raises a bare Exception then.
    """
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        raise ValueError("tokenizer.json cannot be read") from error


def _special_id(tokenizer: Tokenizer, names: tuple[str, ...]) -> int:
    for name in names:
        found = tokenizer.token_to_id(name)
        if found is not None:
            return int(found)
    raise ServiceError(
        "base_model_unsuitable",
        f"the base model's tokenizer has none of {', '.join(names)}",
        "choose another BASE_MODEL",
    )


def save_classifier(classifier: WordClassifier, folder: Path) -> None:
    """Write everything that `load_classifier` needs into an existing folder.

    Raises:
        ValueError: it is a loaded version, whose weights are rounded; `link_classifier` takes the true ones over.
    """
    if classifier.model.dtype != torch.float32:
        raise ValueError("the weights of a loaded version are rounded and cannot be saved")
    classifier.model.save_pretrained(folder)
    classifier.encoder.tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "encoding.json").write_text(json.dumps(classifier.encoder.spec.to_json(), indent=1), encoding="utf-8")
    if classifier.shares is not None:
        (folder / OUTPUTS_FILE).write_text(json.dumps(classifier.shares.tolist()), encoding="utf-8")


def link_classifier(source: Path, folder: Path) -> None:
    """Put the classifier of one folder into another without a second copy on the disk, where the disk can."""
    for path in source.iterdir():
        if path.name in CLASSIFIER_FILES or path.match("model*"):  # large weights come in several files
            try:
                os.link(path, folder / path.name)
            except OSError:
                shutil.copyfile(path, folder / path.name)


def load_classifier(folder: Path, label_set: LabelSet, device: torch.device) -> WordClassifier:
    """The classifier of a version folder, whose outputs are the tags of these labels.

    One that this process has in memory already, from a folder linked to the same weights, is given again.

    Raises:
        VersionError: a file is missing or does not fit the others.
    """
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise VersionError("version_damaged", f"version {folder.name} has no weights")
    device = working(device)
    key = (*file_state(weights), label_set.names, str(device))
    loaded = _LOADED.get(key)
    if loaded is None:
        loaded = _LOADED[key] = _load_where_it_fits(folder, label_set, device)
    return loaded


def _load_where_it_fits(folder: Path, label_set: LabelSet, device: torch.device) -> WordClassifier:
    """On the device, or on the CPU where the device has no room for the model or has failed."""
    try:
        return _load_classifier(folder, label_set, device)
    except RuntimeError as error:
        if device == CPU or not (is_memory_short(error) or is_gpu_failure(error)):
            raise
        if is_gpu_failure(error):
            give_up(device, error)
        else:
            LOG.warning("the GPU has no room for the model, the CPU takes it", extra={"code": "gpu_out_of_memory"})
    return _load_classifier(folder, label_set, CPU)


def _load_classifier(folder: Path, label_set: LabelSet, device: torch.device) -> WordClassifier:
    try:
        spec = EncodingSpec.from_json(json.loads((folder / "encoding.json").read_text(encoding="utf-8")))
        tokenizer = read_tokenizer(folder)
        shares = _read_shares(folder, label_set)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _cannot_be_loaded(folder, error) from error
    outputs = label_set.tag_count if shares is None else len(shares)
    load_anew = partial(_load_model, folder, outputs, CPU)
    return WordClassifier(
        _load_model(folder, outputs, device), Encoder(tokenizer, spec), label_set, device, load_anew, shares
    )


def _read_shares(folder: Path, label_set: LabelSet) -> OutputShares | None:
    """(M, C) what the outputs of a model mean that was trained elsewhere; None for one whose outputs are the tags.

    Raises:
        ValueError: they are not of these labels.
    """
    path = folder / OUTPUTS_FILE
    if not path.is_file():
        return None
    shares = np.array(json.loads(path.read_text(encoding="utf-8")), np.float32)
    if shares.ndim != 2 or shares.shape[1] != label_set.tag_count or not np.allclose(shares.sum(axis=1), 1):
        raise ValueError("the meaning of the outputs is not of these labels")
    return shares


def _load_model(folder: Path, outputs: int, device: torch.device) -> PreTrainedModel:
    """The model of a version, in the machine's memory and as it runs best on a device."""
    try:
        model = AutoModelForTokenClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _cannot_be_loaded(folder, error) from error
    if model.config.num_labels != outputs:
        raise VersionError(
            "version_damaged", f"version {folder.name} has {model.config.num_labels} outputs, not {outputs}"
        )
    if bf16_pays(device):
        # Not converted anew with each batch. `dtype` above would do it too, and change torch's default for all threads.
        model = model.to(torch.bfloat16)
    return use_fastest_attention(model, device)


def _cannot_be_loaded(folder: Path, error: Exception) -> VersionError:
    return VersionError("version_damaged", f"version {folder.name} cannot be loaded: {type(error).__name__}")
