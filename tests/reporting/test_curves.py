"""Numbers of a history as curves."""

from __future__ import annotations

import math

import pytest

from steadygan.history import History
from steadygan.record import Row
from steadygan.reporting.curves import Curves, in_words, summed_up
from steadygan.reporting.document import Lines, Missing, Series, finite
from steadygan.reporting.sources import sources_of


def test_long_curves_keep_their_mean_and_their_extremes() -> None:
    n = 5_003
    y = [math.sin(i / 50) for i in range(n)]
    y[1234] = 50.0
    y[2222] = None  # type: ignore[call-overload]
    long = summed_up(Series("s", finite(range(n)), finite(y), 0))
    assert 300 <= len(long.x) <= 600
    assert max(v for v in long.high if v is not None) == 50.0
    assert all(
        low <= mid <= high
        for low, mid, high in zip(long.low, long.y, long.high, strict=True)
        if low is not None and mid is not None and high is not None
    )
    assert long.x[-1] == n - 1
    short = Series("s", finite(range(10)), finite(range(10)), 0)
    assert summed_up(short) is short


def test_numbers_that_are_not_finite_become_gaps() -> None:
    assert finite([1.0, math.nan, math.inf, -math.inf, None]) == (1.0, None, None, None, None)


def test_nothing_finite_is_missing_with_the_reason() -> None:
    rows = [Row("record", 1, 0.1, {"critic.terms.wasserstein": math.nan})]
    curves = Curves(History(rows), {})
    critic, generator = curves.losses()
    assert critic == Missing(
        "Terms of the critic's loss", "no such number of the history is finite."
    )
    assert generator == Missing(
        "Terms of the generator's loss", "the history holds no such numbers."
    )


def test_the_duality_gap_is_drawn_where_it_was_asked_for() -> None:
    rows = [
        Row("probe", step, 0.1, {
            "probe.duality_gap": 3.0 / step, "probe.duality_gap.critic": 1.0 / step,
            "probe.duality_gap.generator": 2.0 / step,
        })
        for step in (1, 2)
    ]  # fmt: skip
    assert Curves(History(rows), {"training": {"duality_gap_steps": 0}}).duality_gap() == []
    (block,) = Curves(History(rows), {"training": {"duality_gap_steps": 200}}).duality_gap()
    assert isinstance(block, Lines)
    assert "200 updates" in block.caption
    assert [each.y for each in block.series] == [(3.0, 1.5), (1.0, 0.5), (2.0, 1.0)]


def test_speed_is_of_training_time() -> None:
    rows = [Row("record", 10 * i, 0.5 * i, {}) for i in range(1, 5)]
    figure = Curves(History(rows), {}).speed()
    assert isinstance(figure, Lines)
    assert figure.series[0].y == (20.0, 20.0, 20.0, 20.0)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"class": "TwoSided", "target": 1.0}, "TwoSided()"),
        ({"class": "TwoSided", "target": 2.0}, "TwoSided(target=2)"),
        ({"class": "mine:Own", "source_sha256": "x", "a": 1}, "Own(a=1)"),
        ({"function": "mine:make", "source_sha256": "x"}, "make"),
        ([256, 256], "256×256"),
        ([], "none"),
        (None, "none"),
        (2e-4, "0.0002"),
    ],
)
def test_recipes_in_words(part: object, words: str) -> None:
    assert in_words(part) == words


def test_whom_to_cite() -> None:
    recipe = {"objective": {"class": "Wasserstein"},
              "penalty": [{"class": "Term", "penalty": {"class": "TwoSided"}}],
              "constraint": [{"class": "WeightClipping"}]}  # fmt: skip
    keys = [source.key for source in sources_of(recipe)]
    assert keys == ["arjovsky2017wasserstein", "gulrajani2017improved"]  # each once
    assert "eprint = {1704.00028}" in sources_of(recipe)[1].bibtex()
