"""Hypothesis strategies for sizes: small, odd and unequal on purpose."""

from hypothesis import strategies as st

WIDTHS = st.sampled_from([1, 2, 3, 5, 8, 9, 16, 17, 33])
MANY = st.sampled_from([16, 17, 19, 33])


def shapes():
    """Two to four axes, one of them sometimes of size 1."""
    return st.lists(st.integers(1, 7), min_size=2, max_size=4).map(tuple)


def prediction_shapes(smallest=1):
    """(N, K) or (N, T, K)."""
    K = st.integers(smallest, 11)
    return st.one_of(
        st.tuples(st.integers(1, 6), K), st.tuples(st.integers(1, 4), st.integers(1, 3), K)
    )


def draw_pair(draw, low, high):
    return draw(st.integers(low, high)), draw(st.integers(low, high))


def draw_pads(draw, high):
    return draw_pair(draw, 0, high), draw_pair(draw, 0, high)


def draw_size(draw, window, pad):
    """An image size that holds the window at least once."""
    return max(1, window - sum(pad)) + draw(st.integers(0, 6))
