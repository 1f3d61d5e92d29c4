"""What the networks of a run, and its data, still show when they are loaded again.

Every function returns a block or raises; ``gather`` says which part is missing, and why. All that
is drawn comes from fixed seeds: two reports of a run are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from steadygan.data import Dataset
from steadygan.errors import RunError
from steadygan.interfaces import InputStabiliser, Samples, Stored
from steadygan.networks.call import generate, score
from steadygan.penalties import gradient_norms, input_gradients, interpolates
from steadygan.reporting.document import (
    Axis,
    Block,
    Captioned,
    Gallery,
    Histogram,
    Image,
    Layers,
    Reference,
    Role,
    Scatter,
    Series,
    Sprite,
    finite,
)
from steadygan.reporting.pictures import encoded, sprite, strip
from steadygan.run import Run
from steadygan.stabilisers import pack
from steadygan.step import critic_step, generator_step

_SAMPLES = 1_000  # of each kind, for scores and neighbours
_POINTS = 500  # real and as many generated, for maps of features
_BATCH = 64  # samples that gradients by layer are taken on
_BINS = 40
_PATHS, _FRAMES = 8, 9  # of the latent interpolation
_GALLERY, _NEIGHBOURS = 10, 4
_CANDIDATES = 16  # of the rough distances, whose exact ones are then compared
_COLUMNS = 12  # of rows, whose distributions are drawn
_SUBSCRIPTS = ("₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉", "₁₀", "₁₁", "₁₂")
_NUMBERS = 2**24  # of encoded samples held at a time, 64 MB
_ROLES: tuple[tuple[str, Role], ...] = (
    ("real, training data", "train"),
    ("real, held out", "held-out"),
    ("generated", "generated"),
)


@dataclass(frozen=True)
class Examination:
    """A run's last networks, and samples of all three kinds.

    Attributes:
        run: with its own classes, where it uses any.
        data: its data loaded again, or why they are not to be had.
    """

    run: Run
    data: Dataset | RunError

    @cached_property
    def dataset(self) -> Dataset:
        """Raises RunError where the data are gone."""
        if isinstance(self.data, RunError):
            raise self.data
        return self.data

    @cached_property
    def fake(self) -> Samples:
        return self.run.encoded_samples(_SAMPLES)

    @cached_property
    def train(self) -> Samples:
        return self._some(self.dataset.train, _SAMPLES)

    @cached_property
    def held_out(self) -> Samples:
        return self._some(self.dataset.validation, _SAMPLES)

    @cached_property
    def critic(self) -> nn.Module:
        return self.run.critic()

    @property
    def is_image(self) -> bool:
        return len(self.run.spec.shape) == 3

    @property
    def space(self) -> str:
        """What distances and maps are taken in."""
        return "pixels" if self.is_image else "coordinates as the networks see them"

    def interpolation(self) -> Block:
        """Samples along great circles between latent vectors."""
        latent, labels = self._paths()
        x = generate(self.run.generator(), latent, labels)
        caption = (
            f"{_PATHS} pairs of latent vectors from N(0, 1), each joined along the great circle "
            f"between them in {_FRAMES} equal steps"
            + (", every row of one class" if labels is not None else "")
            + ". Smooth changes speak against memorisation, sudden jumps from one training sample "
            "to another for it."
        )
        if self.is_image:
            alt = f"{_PATHS} rows of {_FRAMES} images; each row changes from one to another"
            return Image(
                "Latent interpolation", caption, strip(self.run.codec.decode(x), _FRAMES, alt)
            )
        return self._paths_in_the_plane(x, caption)

    def _paths(self) -> tuple[Tensor, Tensor | None]:
        """Latent vectors ``(paths · frames, latent_dim)``, path after path, and labels."""
        rng = torch.Generator().manual_seed(0)
        ends = torch.randn(2, _PATHS, 1, self.run.recipe.latent_dim, generator=rng)
        share = torch.linspace(0.0, 1.0, _FRAMES).reshape(1, _FRAMES, 1)
        latent = slerp(ends[0], ends[1], share).flatten(0, 1)
        classes = self.run.recipe.generator_spec(self.run.spec).classes
        if classes is None:
            return latent, None
        return latent, (torch.arange(_PATHS) % classes).repeat_interleave(_FRAMES)

    def _paths_in_the_plane(self, x: Tensor, caption: str) -> Block:
        paths = torch.linspace(0.0, 1.0, 10 * _FRAMES)  # points are cheap: finer
        rng = torch.Generator().manual_seed(0)
        ends = torch.randn(2, _PATHS, 1, self.run.recipe.latent_dim, generator=rng)
        latent = slerp(ends[0], ends[1], paths.reshape(1, -1, 1)).flatten(0, 1)
        classes = self.run.recipe.generator_spec(self.run.spec).classes
        labels = None if classes is None else torch.arange(_PATHS) % classes
        y = None if labels is None else labels.repeat_interleave(len(paths))
        x = generate(self.run.generator(), latent, y)
        plane = self._plane()
        background = plane.of(self.fake.x)
        series = [_cloud("generated", "generated", background)]
        series += [
            _cloud(f"path {i + 1}", i, plane.of(part)) for i, part in enumerate(x.chunk(_PATHS))
        ]
        caption = caption.replace(f"{_FRAMES} equal", f"{len(paths)} equal")
        return Scatter(
            "Latent interpolation",
            f"{caption} Behind them {len(background):,} generated samples. {plane.note}",
            plane.x,
            plane.y,
            tuple(series),
            joined=tuple(each.name for each in series[1:]),
        )

    def scores(self) -> Block:
        """What the last critic says of real samples it was trained on, of others, and of fakes."""
        rows = [self._seen(part) for part in (self.train, self.held_out, self.fake)]
        with torch.no_grad():
            values = [score(self.critic, part.x, part.y) for part in rows]
        counts = ", ".join(f"{len(v):,} {n}" for v, (n, _) in zip(values, _ROLES, strict=True))
        means = ", ".join(
            f"{n} {float(v.mean()):.3g}" for v, (n, _) in zip(values, _ROLES, strict=True)
        )
        return _histogram(
            "Scores of the last critic",
            f"{counts}; the critic in evaluation mode. Means: {means}. Where training data score "
            "well above held-out data, the critic has memorised them.",
            Axis("score D(x)", "units of the score"),
            [(name, role, v) for v, (name, role) in zip(values, _ROLES, strict=True)],
        )

    def slopes(self) -> Block:
        """Norms of the last critic's gradient, between the distributions."""
        n = min(len(self.held_out), len(self.fake))
        rng = torch.Generator().manual_seed(0)
        y = None if self.held_out.y is None else self.held_out.y[:n]
        points = self._seen(Samples(interpolates(self.held_out.x[:n], self.fake.x[:n], rng=rng), y))
        x = points.x.detach().requires_grad_()
        norms = gradient_norms(
            input_gradients(score(self.critic, x, points.y), x, create_graph=False)
        )
        return _histogram(
            "Input-gradient norms of the last critic",
            f"‖∇ₓD‖ at {len(norms):,} random interpolates of held-out and generated samples; mean "
            f"{float(norms.mean()):.3f}, standard deviation {float(norms.std(correction=0)):.3f}.",
            Axis("‖∇ₓD‖", "score units per unit of encoded input"),
            [("interpolates", "held-out", norms)],
            (Reference(1.0, "1"),),
        )

    def weights(self) -> Iterator[Block]:
        """The weights of the last critic, layer by layer."""
        limit = next((c.limit for c in self.run.recipe.constraint if hasattr(c, "limit")), None)
        for name, module in _layers(self.critic):
            weight = _weight(module).detach()
            references = (
                ()
                if limit is None
                else tuple(
                    Reference(sign * limit, f"clipped at {sign * limit:g}") for sign in (-1, 1)
                )
            )
            yield _histogram(
                f"{name} · {_describe(module)}",
                f"{weight.numel():,} weights, standard deviation {float(weight.std()):.3g}",
                Axis("weight", "no unit"),
                [("weights", 0, weight.flatten())],
                references,
                small=True,
            )

    def gradients_by_layer(self) -> Iterator[Block]:
        """Gradients of both losses by each layer's weights, at every checkpoint that is kept."""
        steps = [
            path.stem.removeprefix("step-")
            for path in sorted(self.run.files.checkpoints.glob("step-*.safetensors"))
        ]
        if not steps:
            raise RunError("the run holds no checkpoint.")
        for network in ("critic", "generator"):
            layers: tuple[str, ...] = ()
            series = []
            for index, step in enumerate(steps):
                norms = dict(self._gradients(network, step))
                layers = tuple(norms)
                series.append(
                    Series(
                        f"step {int(step):,}",
                        finite(range(len(norms))),
                        finite(norms.values()),
                        index,
                    )
                )
            yield Layers(
                f"Gradient norm by layer of the {network}",
                f"Euclidean norm of the {network}'s loss by each layer's weights, from input to "
                f"output, at the checkpoints that are kept, on one batch of {self._batch:,} "
                "training and generated samples. Terms on weights and on whole batches (historical "
                "averaging, feature matching) are left out.",
                Axis("layer"),
                Axis("gradient norm", "score units per unit of weight", log=True),
                layers,
                tuple(series),
            )

    @property
    def _batch(self) -> int:
        size = 1 if self.run.recipe.packing is None else self.run.recipe.packing.size
        return min(_BATCH, len(self.dataset.train)) // size * size

    def _gradients(self, network: str, step: str) -> Iterator[tuple[str, float]]:
        """(layer, gradient norm), of the loss as the training step takes it."""
        recipe = self.run.recipe
        critic = self.run.network("critic", step, average=False).train()
        generator = self.run.network("generator", step, average=False).train()
        real = self._some(self.dataset.train, self._batch)
        rng = torch.Generator().manual_seed(0)
        latent = torch.randn(len(real), recipe.latent_dim, generator=rng)

        def view(samples: Samples) -> Samples:
            for each in recipe.stabiliser:
                if isinstance(each, InputStabiliser):
                    samples = each.view(samples, rng=rng, progress=1.0)
            return samples

        def still(network: nn.Module) -> torch.optim.Optimizer:
            """A rate of 0: a step leaves its gradients behind, and the weights where they are."""
            return torch.optim.SGD(network.parameters(), lr=0.0)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if network == "critic":
                with torch.no_grad():
                    fake = Samples(generate(generator, latent, real.y), real.y)
                critic_step(
                    critic, still(critic), recipe.objective,
                    real, fake, rng=rng, penalties=recipe.penalty, auxiliary=recipe.auxiliary,
                    view=view,
                )  # fmt: skip
            else:
                generator_step(
                    generator, critic, still(generator),
                    recipe.objective, latent, real=real, auxiliary=recipe.auxiliary, view=view,
                )  # fmt: skip
        for name, module in _layers(critic if network == "critic" else generator):
            own = [p.grad for p in module.parameters() if p.grad is not None and p.ndim > 1]
            if own:
                yield f"{name}\n{_describe(module)}", float(torch.nn.utils.get_total_norm(own))

    def pca(self) -> Block:
        """Real and generated samples along the two directions in which real ones vary most."""
        plane = self._plane()
        real, fake = self._mapped
        return Scatter(
            plane.title,
            f"{len(real):,} held-out and {len(fake):,} generated samples; features: {self.space}. "
            + plane.note,
            plane.x,
            plane.y,
            (
                _cloud("real, held out", "held-out", plane.of(real.x)),
                _cloud("generated", "generated", plane.of(fake.x)),
            ),
            sprite=self._sprite,
        )

    def tsne(self) -> Block:
        """The same samples by t-SNE."""
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE

        real, fake = self._mapped
        x = torch.cat([real.x, fake.x]).flatten(1).double().numpy()
        perplexity = min(30.0, (len(x) - 1) / 4)
        if x.shape[1] > 50 and len(x) > 50:
            x = PCA(50, random_state=0).fit_transform(x)
        placed = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(x)
        first, second = placed[: len(real)], placed[len(real) :]
        return Scatter(
            "t-SNE of real and generated samples",
            f"{len(real):,} held-out and {len(fake):,} generated samples together; features: "
            f"{self.space}, at most 50 principal components of them; perplexity {perplexity:g}, "
            "seed 0. Places where only one colour lies are worth a look; distances between "
            "clusters and their sizes mean nothing.",
            Axis("t-SNE 1", "no unit"),
            Axis("t-SNE 2", "no unit"),
            (_cloud("real, held out", "held-out", first), _cloud("generated", "generated", second)),
            sprite=self._sprite,
        )

    def columns(self) -> Iterator[Block]:
        """Each column of rows, real beside generated; images have none."""
        if self.is_image:
            return
        real, fake = (self.run.codec.decode(part.x) for part in (self.held_out, self.fake))
        for index in range(min(_COLUMNS, real.shape[1])):
            groups: list[tuple[str, Role, Tensor]] = [
                ("real, held out", "held-out", torch.from_numpy(real[:, index])),
                ("generated", "generated", torch.from_numpy(fake[:, index])),
            ]
            yield _histogram(
                f"Column {index + 1} of {real.shape[1]}",
                f"{len(real):,} held-out and {len(fake):,} generated samples",
                Axis(f"x{_SUBSCRIPTS[index]}", "units of the data"),
                groups,
                small=True,
            )

    def neighbours(self) -> Iterator[Block]:
        """Generated samples beside the training samples nearest to them."""
        queries = torch.cat([self.fake.x, self.held_out.x]).flatten(1)
        distances, indices = self._nearest(queries)
        n = len(self.fake)
        own, others = distances[:n, 0], distances[n:, 0]
        threshold = 0.5 * float(others.median())
        if self.is_image:
            first = torch.arange(_GALLERY // 2)
            closest = own.argsort()
            closest = closest[~torch.isin(closest, first)][: _GALLERY - len(first)]
            groups = (
                ("Drawn at random", tuple(self._beside(i, distances, indices) for i in first)),
                ("The nearest of all", tuple(self._beside(i, distances, indices) for i in closest)),
            )
            yield Gallery(
                "Nearest training samples",
                f"Generated samples and the {_NEIGHBOURS} of {len(self.dataset.train):,} training "
                "samples nearest to each, with their Euclidean distance in encoded pixels: "
                f"any {len(first)}, then those of {n:,} that lie nearest to a training sample. If "
                "the model copies, it shows there. Held-out samples have a median distance of "
                f"{2 * threshold:.2f}.",
                ("generated", *("1st", "2nd", "3rd", "4th")[:_NEIGHBOURS]),
                groups,
            )
        share, held = (float((d < threshold).double().mean()) for d in (own, others))
        yield _histogram(
            "Distance to the nearest training sample",
            f"{n:,} generated and {len(others):,} held-out samples against "
            f"{len(self.dataset.train):,} training samples, Euclidean, in {self.space}. Nearer "
            f"than half the held-out median ({threshold:.3g}): {share:.1%} of generated, "
            f"{held:.1%} of held-out samples. A peak of generated samples near 0 means copies.",
            Axis("distance to the nearest training sample", "encoded units"),
            [("real, held out", "held-out", others), ("generated", "generated", own)],
            (Reference(threshold, "half the held-out median"),),
        )

    def _beside(self, i: Tensor, distances: Tensor, indices: Tensor) -> tuple[Captioned, ...]:
        """The i-th generated image, and the training images nearest to it."""
        stored = self.dataset.train.take(indices[i])
        near = self.run.codec.decode(self.dataset.encode(stored).x)
        shown = self.run.codec.decode(self.fake.x[i].unsqueeze(0))[0]
        beside = [
            Captioned(encoded(image, f"training sample, {d:.2f} away"), f"{d:.2f}")
            for image, d in zip(near, distances[i].tolist(), strict=True)
        ]
        return Captioned(encoded(shown, "a generated sample"), ""), *beside

    def _nearest(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and indices of the nearest training samples, ``(n, neighbours)`` each; in
        blocks, so that memory grows with neither the data nor their dimensions."""
        train = self.dataset.train

        def encoded_of(chosen: Tensor) -> Tensor:
            return self.dataset.codec.encode(train.take(chosen).x.cpu()).flatten(1)

        block = max(1, _NUMBERS // queries.shape[1])
        k = min(_CANDIDATES, len(train))
        best = torch.full((len(queries), 0), 0.0)
        where = torch.zeros((len(queries), 0), dtype=torch.int64)
        for start in range(0, len(train), block):
            index = torch.arange(start, min(start + block, len(train)))
            rough = torch.cdist(queries, encoded_of(index))
            index = index.expand(len(queries), -1)
            joined, places = torch.cat([best, rough], 1), torch.cat([where, index], 1)
            best, chosen = joined.topk(min(k, joined.shape[1]), largest=False)
            where = places.gather(1, chosen)
        # The product form of distances loses the digits that tell near copies apart.
        exact = torch.empty(where.shape)
        for some in torch.split(torch.arange(len(queries)), max(1, block // k)):
            points = encoded_of(where[some].flatten())
            apart = points.reshape(len(some), k, -1) - queries[some].unsqueeze(1)
            exact[some] = torch.linalg.vector_norm(apart, dim=2)
        exact, order = exact.sort(dim=1)
        return exact[:, :_NEIGHBOURS], where.gather(1, order)[:, :_NEIGHBOURS]

    @cached_property
    def _mapped(self) -> tuple[Samples, Samples]:
        """As many held-out as generated samples."""
        n = min(_POINTS, len(self.held_out), len(self.fake))
        return Samples(self.held_out.x[:n]), Samples(self.fake.x[:n])

    @property
    def _sprite(self) -> Sprite | None:
        if not self.is_image:
            return None
        return sprite(self.run.codec.decode(torch.cat([part.x for part in self._mapped])))

    def _plane(self) -> _Plane:
        """The plane that samples are drawn in."""
        if self.run.spec.shape == (2,):
            return _Plane.of_coordinates(self.run)
        try:
            reference = self.held_out.x
        except RunError:
            reference = self.fake.x
        return _Plane.of_components(reference.flatten(1))

    def _seen(self, samples: Samples) -> Samples:
        """What the critic sees: packs, where it judges those; labels only where it takes them."""
        packing = self.run.recipe.packing
        if packing is None:
            return samples
        whole = len(samples) // packing.size * packing.size
        return Samples(pack(samples.x[:whole], packing.size))

    def _some(self, part: Stored, most: int) -> Samples:
        rng = torch.Generator().manual_seed(0)
        few = part.take(torch.randperm(len(part), generator=rng)[:most])
        y = few.y if self.run.recipe.conditional else None
        return self.dataset.encode(Samples(few.x.cpu(), None if y is None else y.cpu()))


@dataclass(frozen=True)
class _Plane:
    """Two directions that encoded samples are drawn along."""

    title: str
    note: str
    x: Axis
    y: Axis
    centre: np.ndarray
    axes: np.ndarray  # (dimensions, 2)

    def of(self, x: Tensor) -> np.ndarray:
        flat = x.detach().flatten(1).double().numpy()
        placed: np.ndarray = (flat - self.centre) @ self.axes
        return placed

    @classmethod
    def of_coordinates(cls, run: Run) -> _Plane:
        origin = run.codec.decode(torch.zeros(1, 2))[0].astype("f8")
        unit = run.codec.decode(torch.eye(2)).astype("f8") - origin
        return cls(
            "Real and generated points",
            "Both coordinates as they are in the data.",
            Axis("x₁", "units of the data"),
            Axis("x₂", "units of the data"),
            -origin @ np.linalg.inv(unit),
            unit,
        )

    @classmethod
    def of_components(cls, reference: Tensor) -> _Plane:
        flat = reference.double().numpy()
        centre = flat.mean(0)
        _, spread, directions = np.linalg.svd(flat - centre, full_matrices=False)
        share = (spread**2 / max(float((spread**2).sum()), 1e-300))[:2]
        axes = [
            Axis(f"principal component {i + 1}, {part:.0%} of the variance", "encoded units")
            for i, part in enumerate([*share, 0.0][:2])
        ]
        return cls(
            "PCA of real and generated samples",
            f"Components of {len(flat):,} held-out samples.",
            axes[0],
            axes[1],
            centre,
            directions[:2].T,
        )


def slerp(start: Tensor, stop: Tensor, share: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985) of vectors ``(…, d)``; ``share`` in [0, 1].

    Along the great circle between the directions, so that a Gaussian's latent vectors keep a length
    that the generator was trained on; vectors that point the same way are joined by a line.
    """
    cosine = nn.functional.cosine_similarity(start, stop, dim=-1).unsqueeze(-1).clamp(-1.0, 1.0)
    angle = cosine.arccos()
    sine = angle.sin()
    line = torch.lerp(start.expand_as(share * stop), stop.expand_as(share * start), share)
    circle = (((1 - share) * angle).sin() * start + (share * angle).sin() * stop) / sine
    return torch.where(sine < 1e-4, line, circle)


def _weight(module: nn.Module) -> Tensor:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules with a weight matrix or kernel of their own, in order."""
    for name, module in network.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim > 1:
            yield name or "network", module


def _describe(module: nn.Module) -> str:
    shape = tuple(_weight(module).shape)
    kind = type(module).__name__.removeprefix("Parametrized")
    ins, outs = (shape[0], shape[1]) if "Transpose" in kind else (shape[1], shape[0])
    size = f" {'×'.join(map(str, shape[2:]))}" if len(shape) > 2 else ""
    return f"{kind}{size} {ins}→{outs}"


def _cloud(name: str, role: Role, points: np.ndarray) -> Series:
    return Series(name, finite(points[:, 0].tolist()), finite(points[:, 1].tolist()), role)


def _histogram(
    title: str,
    caption: str,
    x: Axis,
    groups: list[tuple[str, Role, Tensor]],
    references: tuple[Reference, ...] = (),
    *,
    small: bool = False,
) -> Histogram:
    """Densities over common bins of all values that are finite.

    Raises:
        RunError: none is.
    """
    values = [g.detach().double().cpu().numpy() for _, _, g in groups]
    kept = [v[np.isfinite(v)] for v in values]
    everything = np.concatenate(kept)
    if not everything.size:
        raise RunError(f"no value of {title.lower()!r} is finite.")
    low, high = float(everything.min()), float(everything.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        half = max(abs(low), 1.0) * 0.05
        low, high = low - half, high + half
    edges = np.linspace(low, high, _BINS + 1)
    width = (high - low) / _BINS
    series = []
    for (name, role, all_of_it), some in zip(groups, kept, strict=True):
        counts, _ = np.histogram(some, edges)
        density = counts / max(1, len(some)) / width
        lost = len(all_of_it) - len(some)
        title_of = f"{name} ({lost:,} not finite)" if lost else name
        series.append(Series(title_of, (), finite(density.tolist()), role))
    unit = f"per {x.unit.replace('units', 'unit', 1)}" if x.unit != "no unit" else "per unit"
    return Histogram(
        title,
        caption,
        x,
        Axis("density", unit),
        tuple(float(f"{edge:.6g}") for edge in edges),
        tuple(series),
        references,
        small,
    )
