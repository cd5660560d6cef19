from dataclasses import replace

import numpy as np

from backend.encoding.batch import pad_windows, token_count
from backend.encoding.tokens import Encoder
from tests.encoding.test_tokens import SPEC
from tests.pages_of_words import page_of_rows
from tests.tiny_model import byte_tokenizer

ENCODER = Encoder(byte_tokenizer(), SPEC)


def test_a_picture_counts_as_many_tokens_as_it_has_patches() -> None:
    page = page_of_rows(["date"] * 3)
    (plain,) = ENCODER.encode(page)
    seen = replace(plain, picture=np.zeros((3, 224, 224), np.uint8))
    assert token_count(plain) == len(plain.input_ids)
    assert token_count(seen) == len(plain.input_ids) + 197


def test_shorter_windows_are_padded_and_masked() -> None:
    short, long = (ENCODER.encode(page_of_rows(["date"] * count))[0] for count in (1, 5))
    batch = pad_windows([short, long], SPEC.pad_id)
    assert batch.input_ids.shape == batch.attention_mask.shape == (2, len(long.input_ids))
    assert batch.bbox.shape == (2, len(long.input_ids), 4)
    assert batch.attention_mask.sum(axis=1).tolist() == [len(short.input_ids), len(long.input_ids)]
    assert (batch.input_ids[0, len(short.input_ids) :] == SPEC.pad_id).all()
    assert batch.pictures is None
