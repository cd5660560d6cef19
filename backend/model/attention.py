"""A faster attention for LayoutLMv3, equal to the library's.

The library computes the additive bias once, but adds it in every layer in float32 and materialises the attention
matrix several times. Here bias and mask are added up once per batch, in the type of the computation, and each layer is
one fused scaled dot-product attention. Weights, names and saved files are untouched.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.layoutlmv3.modeling_layoutlmv3 import LayoutLMv3Encoder, LayoutLMv3SelfAttention


class _FusedSelfAttention(LayoutLMv3SelfAttention):  # type: ignore[misc] # transformers ships no types
    """Takes the whole additive bias (B, heads, L, L) as its mask."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> tuple[Tensor, None]:
        batch, length, _ = hidden_states.shape
        query, key, value = (
            layer(hidden_states).view(batch, length, self.num_attention_heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )  # (B, heads, L, size) each
        dropout = self.dropout.p if self.training else 0.0
        context = scaled_dot_product_attention(query, key, value, attn_mask=attention_mask, dropout_p=dropout)
        return context.transpose(1, 2).reshape(batch, length, self.all_head_size), None  # (B, L, hidden)


class _SharedBiasEncoder(LayoutLMv3Encoder):  # type: ignore[misc]
    """Adds position bias, spatial bias and mask up once for all layers."""

    def forward(
        self,
        hidden_states: Tensor,
        bbox: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutput:
        bias = self._bias(hidden_states, bbox, attention_mask, position_ids)
        for layer in self.layer:
            hidden_states = layer(hidden_states, bias)
        return BaseModelOutput(last_hidden_state=hidden_states)

    def _bias(
        self, hidden_states: Tensor, bbox: Tensor | None, attention_mask: Tensor | None, position_ids: Tensor | None
    ) -> Tensor | None:
        """(B, heads, L, L) in the type the attention will be computed in."""
        bias: Tensor | None = None
        if self.has_relative_attention_bias:
            bias = self._cal_1d_pos_emb(position_ids)
        if self.has_spatial_attention_bias and bias is not None:
            # Alone it is ignored by the library too.
            bias = bias + self._cal_2d_pos_emb(bbox)
        if bias is not None:
            bias = bias / math.sqrt(self.config.hidden_size // self.config.num_attention_heads)
        if attention_mask is not None:
            bias = attention_mask if bias is None else bias + attention_mask
        if bias is None:
            return None
        device = hidden_states.device.type
        computed_in = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_states.dtype
        return bias.to(computed_in)


def use_fused_attention(model: PreTrainedModel) -> PreTrainedModel:
    """The same model with the faster attention, where it is a LayoutLMv3; any other is left as it is."""
    for module in model.modules():
        if type(module) is LayoutLMv3SelfAttention:
            module.__class__ = _FusedSelfAttention
        elif type(module) is LayoutLMv3Encoder:
            module.__class__ = _SharedBiasEncoder
    return model
