from hypothesis import given
from hypothesis import strategies as st

from backend.encoding.batch import batches_by_length, pad_windows
from backend.encoding.tokens import Encoder
from tests.encoding.test_tokens import SPEC
from tests.pages_of_words import page_of_rows
from tests.tiny_model import byte_tokenizer

ENCODER = Encoder(byte_tokenizer(), SPEC)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(40, 200))
def test_each_window_is_in_one_batch_and_no_batch_is_too_large(lengths: list[int], most: int) -> None:
    windows = [ENCODER.encode(page_of_rows(["date"] * length))[0] for length in lengths]
    batches = batches_by_length(windows, most)
    assert sorted(at for batch in batches for at in batch) == list(range(len(windows)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(windows[at].input_ids) for at in batch) <= most


def test_shorter_windows_are_padded_and_masked() -> None:
    short, long = (ENCODER.encode(page_of_rows(["date"] * count))[0] for count in (1, 5))
    batch = pad_windows([short, long], SPEC.pad_id)
    assert batch.input_ids.shape == batch.attention_mask.shape == (2, len(long.input_ids))
    assert batch.bbox.shape == (2, len(long.input_ids), 4)
    assert batch.attention_mask.sum(axis=1).tolist() == [len(short.input_ids), len(long.input_ids)]
    assert (batch.input_ids[0, len(short.input_ids) :] == SPEC.pad_id).all()
    assert batch.pictures is None
