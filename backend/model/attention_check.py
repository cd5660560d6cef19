"""Whether the fused attention gives what the library's own gives, tried before a model of a kind is used with it."""

from __future__ import annotations

import copy
import logging
from functools import cache

import torch
from torch import Tensor
from transformers import LayoutLMv3Config, PreTrainedModel
from transformers.models.layoutlmv3.modeling_layoutlmv3 import LayoutLMv3Encoder

from backend.model.attention import use_fused_attention

LOG = logging.getLogger(__name__)

LARGEST_DIFFERENCE = 1e-4
HEADS = 2
TOKENS = 48
PADDED = 16


def use_fastest_attention(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """The same model, with the fused attention where it is a LayoutLMv3 and the two agree on this device."""
    config = model.config
    if config.model_type != LayoutLMv3Config.model_type:
        return model
    size = config.hidden_size // config.num_attention_heads
    if not _agree(config.has_relative_attention_bias, config.has_spatial_attention_bias, size, device):
        return model
    return use_fused_attention(model)


@cache
def _agree(relative: bool, spatial: bool, head_size: int, device: torch.device) -> bool:
    """Whether both compute the same in float32 for this kind of model; where not, that is logged, once."""
    try:
        difference = _difference(relative, spatial, head_size, device)
    except Exception as error:
        # whatever it is that a new release of torch or transformers does not like any more
        LOG.warning("fused attention cannot be used", exc_info=error)
        return False
    if not difference <= LARGEST_DIFFERENCE:
        LOG.warning("fused attention is not used: it differs from the library's", extra={"difference": difference})
        return False
    return True


@torch.inference_mode()
def _difference(relative: bool, spatial: bool, head_size: int, device: torch.device) -> float:
    """Largest difference between the two in the outputs of two layers with random weights."""
    with torch.random.fork_rng(devices=[]):  # who loads a model gets the same random numbers with and without this
        torch.manual_seed(0)
        config = LayoutLMv3Config(
            hidden_size=HEADS * head_size,
            num_attention_heads=HEADS,
            num_hidden_layers=2,
            intermediate_size=HEADS * head_size,
            has_relative_attention_bias=relative,
            has_spatial_attention_bias=spatial,
        )
        plain = LayoutLMv3Encoder(config).to(device).eval()
        hidden = torch.randn(2, TOKENS, config.hidden_size).to(device)
        bbox = torch.randint(0, 1000, (2, TOKENS, 4)).to(device)
    positions = torch.arange(TOKENS, device=device).expand(2, -1)
    mask = torch.zeros(2, 1, 1, TOKENS, device=device)  # as the model hands it to its layers: added to the scores
    mask[1, ..., -PADDED:] = torch.finfo(mask.dtype).min

    def output(encoder: LayoutLMv3Encoder) -> Tensor:
        found: Tensor = encoder(hidden, bbox=bbox, attention_mask=mask, position_ids=positions).last_hidden_state
        return found

    fused = use_fused_attention(copy.deepcopy(plain))
    return (output(plain) - output(fused)).abs().max().item()
