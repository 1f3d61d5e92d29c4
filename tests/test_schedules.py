from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadygan.schedules import Cosine, Exponential, Linear, at


@pytest.mark.parametrize("kind", [Linear, Cosine, Exponential])
@given(st.floats(1e-6, 10), st.floats(1e-6, 10), st.floats(0, 0.4), st.floats(0.5, 1))
def test_ends_and_direction(
    kind: type, start: float, stop: float, begin: float, end: float
) -> None:
    schedule = kind(start, stop, begin, end)
    assert schedule(0.0) == pytest.approx(start)
    assert schedule(begin) == pytest.approx(start)
    assert schedule(end) == pytest.approx(stop)
    assert schedule(1.0) == pytest.approx(stop)
    values = [schedule(p / 20) for p in range(21)]
    assert values == sorted(values, reverse=stop < start) or max(values) == pytest.approx(
        min(values)
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(1.0, 0.0, 0.5, 0.5),
        lambda: Cosine(1.0, 0.0, -0.1, 1.0),
        lambda: Linear(float("nan")),
        lambda: Exponential(0.0, 1.0),
        lambda: Exponential(1.0, -1.0),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"schedule|Exponential"):
        make()


def test_values_by_hand() -> None:
    assert Linear(2.0, 0.0)(0.25) == 1.5
    assert Cosine(2.0, 0.0)(0.5) == pytest.approx(1.0)
    assert Exponential(1.0, 0.01)(0.5) == pytest.approx(0.1)
    assert at(3.0, 0.7) == 3.0
    assert at(Linear(1.0, 0.0), 0.7) == pytest.approx(0.3)
