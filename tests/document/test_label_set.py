import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.document.label_set import OUTSIDE, LabelSet, is_begin

names = st.lists(st.text(min_size=1), min_size=1, max_size=20, unique=True).map(tuple)


@given(names)
def test_every_tag_leads_back_to_its_label(some: tuple[str, ...]) -> None:
    label_set = LabelSet(some)
    for name in some:
        assert label_set.name_of(label_set.begin(name)) == name
        assert label_set.name_of(label_set.inside(name)) == name
        assert is_begin(label_set.begin(name))
        assert not is_begin(label_set.inside(name))
    assert label_set.name_of(OUTSIDE) is None
    tags = {tag for name in some for tag in (label_set.begin(name), label_set.inside(name))} | {OUTSIDE}
    assert tags == set(range(label_set.tag_count))


def test_a_label_called_o_is_not_outside() -> None:
    label_set = LabelSet(("O", "B-X"))
    assert label_set.tag_names() == ("O", "B-O", "I-O", "B-B-X", "I-B-X")
    assert label_set.begin("O") != OUTSIDE


def test_two_labels_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="must differ"):
        LabelSet(("total", "total"))


def test_what_is_learnt_of_the_labels_does_not_change_what_their_tags_mean() -> None:
    assert LabelSet(("date",), once={"date": 0.9}) == LabelSet(("date",))
    assert len({LabelSet(("date",), once={"date": 0.9}), LabelSet(("date",))}) == 1
