"""What is computed from loaded networks and data, held against its definition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from steadygan.networks.call import generate, score
from steadygan.reporting.document import Histogram, Layers, Scatter
from steadygan.reporting.examination import Examination, slerp
from steadygan.run import Run

Train = Callable[[str, str], Path]


def examine(path: Path) -> Examination:
    run = Run(path)
    return Examination(run, run.dataset())


def test_spherical_interpolation() -> None:
    rng = torch.Generator().manual_seed(0)
    start, stop = torch.nn.functional.normalize(torch.randn(2, 5, 1, 8, generator=rng), dim=-1)
    share = torch.linspace(0, 1, 7).reshape(1, 7, 1)
    path = slerp(start, stop, share)
    assert path.shape == (5, 7, 8)
    torch.testing.assert_close(path[:, :1], start)
    torch.testing.assert_close(path[:, -1:], stop)
    torch.testing.assert_close(path.norm(dim=-1), torch.ones(5, 7))  # stays on the sphere
    angles = (path[:, 1:] * path[:, :-1]).sum(-1).clamp(-1, 1).arccos()  # in equal steps
    torch.testing.assert_close(angles, angles[:, :1].expand_as(angles), atol=1e-3, rtol=0)
    along = slerp(start, 2 * start, share)  # one direction: a line
    torch.testing.assert_close(along[:, 3], 1.5 * start[:, 0])
    assert torch.isfinite(slerp(start, -start, share)).all()


def test_gradients_by_layer_are_those_of_the_loss(trained: Train) -> None:
    examined = examine(trained("digits", "wgan"))
    figures = {figure.title: figure for figure in examined.gradients_by_layer()}
    figure = figures["Gradient norm by layer of the critic"]
    assert isinstance(figure, Layers)
    run, step = examined.run, "20"
    critic = run.network("critic", step).train()
    generator = run.network("generator", step, average=False).train()
    real = examined._some(examined.dataset.train, 64)
    latent = torch.randn(64, run.recipe.latent_dim, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    loss = score(critic, generate(generator, latent).detach()).mean() - score(critic, real.x).mean()
    torch.autograd.backward(loss)
    expected = [
        p.grad.norm().item() for p in critic.parameters() if p.ndim > 1 and p.grad is not None
    ]
    assert [s.name for s in figure.series] == ["step 0", "step 10", "step 20"]
    assert figure.series[-1].y == pytest.approx(expected, rel=1e-4)
    assert len(figure.layers) == len(expected)


def test_examining_leaves_the_run_as_it_was(trained: Train) -> None:
    path = trained("digits", "digits")
    before = {p: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    examined = examine(path)
    for part in (examined.gradients_by_layer, examined.weights, examined.neighbours):
        assert list(part())
    for block in (examined.scores(), examined.interpolation(), examined.slopes(), examined.tsne()):
        assert block
    assert torch.equal(torch.rand(4), expected)  # the caller's random numbers are theirs
    assert {p: p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()} == before


def test_scores_are_densities_over_common_bins(trained: Train) -> None:
    figure = examine(trained("digits", "digits")).scores()
    assert isinstance(figure, Histogram)
    width = np.diff(figure.edges)
    for series in figure.series:
        assert np.sum(np.array(series.y, float) * width) == pytest.approx(1.0, abs=1e-3)
    assert "1,000 real, training data, 359 real, held out, 1,000 generated" in figure.caption


@pytest.mark.parametrize(("data", "recipe"), [("digits", "digits"), ("25-grid", "wgan-gp")])
def test_nearest_neighbours_are_exact(trained: Train, data: str, recipe: str) -> None:
    examined = examine(trained(data, recipe))
    train = examined.dataset.encode(examined.dataset.train).x.flatten(1)
    copies = train[[5, 77]]
    queries = torch.cat([copies, copies + 1e-4, examined.fake.x[:20].flatten(1)])
    distances, indices = examined._nearest(queries)
    assert distances[:2, 0].tolist() == [0.0, 0.0]
    assert indices[:2, 0].tolist() == [5, 77] or torch.equal(train[indices[:2, 0]], copies)
    apart = (queries.double().unsqueeze(1) - train.double()[indices]).norm(dim=2)
    torch.testing.assert_close(distances.double(), apart, rtol=1e-5, atol=1e-7)
    exact = torch.cdist(queries.double(), train.double()).topk(4, largest=False).values
    torch.testing.assert_close(distances.double(), exact, rtol=1e-4, atol=1e-5)


def test_packs_are_scored_as_packs(tmp_path: Path) -> None:
    import steadygan

    run = steadygan.train(
        "8-ring", "pacgan", out=tmp_path / "run", steps=4,
        overrides=["architecture.hidden=(8,)", "training.batch_size=16"],
    )  # fmt: skip
    figure = Examination(run, run.dataset()).scores()
    assert isinstance(figure, Histogram)
    assert "500 real, training data" in figure.caption  # packs of two of 1,000 samples


def test_the_map_shows_what_each_point_is(trained: Train) -> None:
    figure = examine(trained("digits", "digits")).pca()
    assert isinstance(figure, Scatter)
    assert figure.sprite is not None
    points = sum(len(series.x) for series in figure.series)
    rows = -(-points // figure.sprite.columns)
    picture = figure.sprite.picture
    assert (picture.width, picture.height) == (figure.sprite.columns * 8, rows * 8)
