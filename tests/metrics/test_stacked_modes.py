from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch

from steadygan.data import DataOptions, Dataset, ImageCodec, StackedDigits, load
from steadygan.data.stacked_mnist import draw, mode_number, stack
from steadygan.interfaces import Samples
from steadygan.metrics import (
    digit_reader,
    held_out_modes,
    measure,
    modes_of,
    samples_wanted,
    stack_report,
)
from steadygan.metrics.digit_reader import train_reader

needs_data = pytest.mark.skipif(
    "STEADYGAN_DATA" not in os.environ, reason="STEADYGAN_DATA does not name a folder of data sets"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    monkeypatch.delenv("STEADYGAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "steadygan"


def toy_digits(per_class: int = 200) -> StackedDigits:
    """Digits 0 to 9 as a bright row of the image, with noise."""
    rng = torch.Generator().manual_seed(0)

    def samples() -> Samples:
        y = torch.arange(10).repeat(per_class)
        x = torch.randint(0, 60, (len(y), 1, 28, 28), generator=rng, dtype=torch.uint8)
        x[torch.arange(len(y)), 0, 4 + 2 * y] = 255
        return Samples(x, y)

    return StackedDigits(samples(), samples(), ImageCodec(28, 1))


def toy_set(digits: StackedDigits, n: int = 200) -> Dataset:
    train = stack(digits.train, draw(len(digits.train), n, seed=1))
    held_out = stack(digits.held_out, draw(len(digits.held_out), n, seed=2))
    names = tuple(f"{number:03d}" for number in range(1000))
    return Dataset("toy", train, held_out, ImageCodec(28, 3), names, modes=digits)


def by_row(images: torch.Tensor) -> torch.Tensor:
    """A reader of toy digits that needs no training."""
    return (images[:, 0].mean(2).argmax(1) - 4) // 2


def test_modes_and_divergence_by_hand() -> None:
    report = stack_report(torch.tensor([3, 3, 3, 5]), total=8)
    assert (report.found, report.total) == (2, 8)
    assert report.kl == pytest.approx(0.75 * math.log(0.75 * 8) + 0.25 * math.log(0.25 * 8))
    even = stack_report(torch.arange(1000).repeat(3))
    assert (even.found, even.total, even.kl) == (1000, 1000, pytest.approx(0, abs=1e-9))
    assert even.kl >= 0
    collapsed = stack_report(torch.full((26_000,), 123))
    assert (collapsed.found, collapsed.kl) == (1, pytest.approx(math.log(1000)))


def test_even_modes_have_the_divergence_that_sampling_alone_makes() -> None:
    rng = torch.Generator().manual_seed(0)
    drawn = stack_report(torch.randint(1000, (26_000,), generator=rng))
    assert drawn.found == 1000
    # Twice the count times the divergence follows about a χ² of 999 degrees of freedom.
    assert drawn.kl == pytest.approx(999 / 52_000, abs=4 * math.sqrt(2 * 999) / 52_000)


def test_channels_are_read_one_by_one_in_order() -> None:
    toy = toy_digits()
    stacks = toy_set(toy).train
    assert torch.equal(modes_of(ImageCodec(28, 3).encode(stacks.x), by_row), stacks.y)


def test_held_out_stacks_are_as_if_every_stack_were_read() -> None:
    toy = toy_digits()
    chosen = draw(len(toy.held_out), 300, seed=0)
    whole = modes_of(ImageCodec(28, 3).encode(stack(toy.held_out, chosen).x), by_row)
    assert torch.equal(held_out_modes(toy, 300, by_row), whole)


def test_a_reader_is_trained_once_and_kept(cache: Path) -> None:
    toy = toy_digits()
    before = torch.get_rng_state()
    first = digit_reader(toy)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.accuracy == 1.0
    (path,) = cache.iterdir()
    assert path.suffix == ".safetensors"
    content = path.read_bytes()
    path.touch()
    stamp = path.stat().st_mtime_ns
    again = digit_reader(toy)
    assert again.accuracy == first.accuracy
    assert path.stat().st_mtime_ns == stamp
    images = toy.codec.encode(toy.held_out.x)
    assert torch.equal(first.read(images), again.read(images))
    assert torch.equal(first.read(images), toy.held_out.y)
    path.write_bytes(content[:100])  # damaged: trained anew, to the same bytes
    assert digit_reader(toy).accuracy == 1.0
    assert path.read_bytes() == content
    digit_reader(toy_digits(per_class=150))
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_does_not_stop_the_measuring(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    assert digit_reader(toy_digits()).accuracy == 1.0


def test_digits_of_another_size_are_read() -> None:
    toy = toy_digits()
    small = StackedDigits(
        *(
            Samples(part.x[..., ::2, ::2].contiguous(), part.y)
            for part in (toy.train, toy.held_out)
        ),
        ImageCodec(14, 1),
    )
    assert digit_reader(small).accuracy == 1.0


def test_modes_are_measured_in_place_of_classes() -> None:
    dataset = toy_set(toy_digits())
    assert samples_wanted(dataset) == 26_000
    by_name = {m.name: m for m in measure(dataset, dataset.codec.encode(dataset.validation.x))}
    assert set(by_name) == {"coverage", "near-copies", "modes found", "KL to uniform"}
    found, kl = by_name["modes found"], by_name["KL to uniform"]
    assert dataset.validation.y is not None
    assert found.value == len(dataset.validation.y.unique())
    assert found.note == "of 1000; digits read by a network, accuracy 1.000 on 2,000"
    assert found.n_fake == found.n_real == 200
    assert kl.reference == pytest.approx(kl.value, abs=0.2)
    assert f"real {found.reference} " in str(found)  # a count, without decimals
    collapsed = dataset.codec.encode(dataset.validation.x[:1]).expand(200, -1, -1, -1)
    by_name = {m.name: m for m in measure(dataset, collapsed)}
    assert by_name["modes found"].value == 1
    assert by_name["KL to uniform"].value == pytest.approx(math.log(1000))


@needs_data
def test_real_digits_have_nearly_even_modes() -> None:
    digits = load("stacked-mnist", DataOptions(limit=10)).modes
    assert isinstance(digits, StackedDigits)
    assert digits.held_out.y is not None
    real = stack_report(mode_number(digits.held_out.y[draw(10_000, 26_000, seed=0)]))
    assert real.found >= 999
    # What sampling makes, and what MNIST's uneven classes make in each of three channels.
    shares = torch.bincount(digits.held_out.y).double() / 10_000
    uneven = 3 * float((shares * (10 * shares).log()).sum())
    assert real.kl == pytest.approx(999 / 52_000 + uneven, abs=0.003)


@needs_data
def test_one_pass_over_real_digits_already_reads_them() -> None:
    digits = load("stacked-mnist", DataOptions(limit=10)).modes
    assert isinstance(digits, StackedDigits)
    assert train_reader(digits, epochs=1).accuracy > 0.95


@pytest.mark.slow
@needs_data
def test_the_reader_of_real_digits_finds_every_mode_of_real_stacks() -> None:
    dataset = load("stacked-mnist")
    digits = dataset.modes
    assert isinstance(digits, StackedDigits)
    reader = digit_reader(digits)
    assert reader.accuracy >= 0.985
    images = dataset.codec.encode(dataset.train.x[:26_000])
    report = stack_report(modes_of(images, reader.read))
    assert report.found >= 999
    assert 0.015 < report.kl < 0.03
