"""JSON that nobody means, and bodies full of it: what a reader must not stumble over."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st


def json_values(
    keys: Sequence[str], *, more: st.SearchStrategy[object] | None = None, max_leaves: int = 8
) -> st.SearchStrategy[object]:
    """Values whose objects have these keys; `more` are further leaves."""
    leaves: st.SearchStrategy[object] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    return st.recursive(
        leaves if more is None else leaves | more,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4),
        max_leaves=max_leaves,
    )


def bodies_of(values: st.SearchStrategy[object]) -> st.SearchStrategy[bytes]:
    """Some bytes, one value, or some of them as server-sent events."""
    return (
        st.binary(max_size=60)
        | values.map(lambda v: json.dumps(v).encode())
        | st.lists(values, max_size=3).map(lambda vs: b"".join(f"data: {json.dumps(v)}\n\n".encode() for v in vs))
    )


def lines_of(values: st.SearchStrategy[object]) -> st.SearchStrategy[bytes]:
    """Some of them as JSON lines."""
    return st.lists(values, max_size=3).map(lambda vs: b"".join(f"{json.dumps(v)}\n".encode() for v in vs))
