"""A packed body is undone as it comes: the same however it is cut, never past its limit, and damage is named."""

import gzip
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wrapdetect.dialects.body.inflating import Damaged, Inflater

PACKERS: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, zlib.compress)


@given(st.binary(max_size=400), st.lists(st.integers(0, 500), max_size=5), st.sampled_from(PACKERS))
def test_a_body_is_the_same_however_it_is_cut(body: bytes, cuts: list[int], packer: Callable[[bytes], bytes]) -> None:
    packed = packer(body)
    places = [0, *sorted(min(c, len(packed)) for c in cuts), len(packed)]
    inflater = Inflater(limit=len(body))
    assert b"".join(inflater.take(packed[a:b]) for a, b in pairwise(places)) == body
    assert (inflater.ended, inflater.passed, inflater.goes_on) == (True, False, False)


@pytest.mark.parametrize("packer", PACKERS)
def test_of_a_bomb_no_more_than_a_byte_past_the_limit_comes_out(packer: Callable[[bytes], bytes]) -> None:
    packed = packer(b"\0" * 1_000_000)
    inflater = Inflater(limit=1000)
    out = b"".join(inflater.take(packed[k : k + 100]) for k in range(0, len(packed), 100))
    assert (len(out), inflater.passed, inflater.ended) == (1001, True, False)


def test_damage_a_break_and_a_second_member_are_told_apart() -> None:
    whole = gzip.compress(b"The moon pulls.")
    with pytest.raises(Damaged, match="incorrect header check"):
        Inflater(limit=99).take(b"The moon pulls.")
    broken = Inflater(limit=99)
    broken.take(whole[:-9])
    assert not broken.ended
    two = Inflater(limit=99)
    two.take(whole + whole)
    assert (two.ended, two.goes_on) == (True, True)
