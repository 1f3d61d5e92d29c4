"""The presets: functions from the kind of data to a recipe, with the published settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from steadygan.constraints import SpectralNorm, WeightClipping
from steadygan.errors import RecipeError, did_you_mean
from steadygan.interfaces import Architecture, SampleSpec
from steadygan.networks import DCGAN, MLP, ResNet
from steadygan.objectives import (
    AuxiliaryClassifier,
    Hinge,
    LeastSquares,
    Minimax,
    RelativisticPairing,
)
from steadygan.own_code import own_function
from steadygan.penalties import DRAGAN as DRAGANPenalty
from steadygan.penalties import R1, R2, OneSided, Term, TwoSided
from steadygan.recipes.recipe import Recipe
from steadygan.schedules import Cosine, Linear
from steadygan.stabilisers import EMA, Packing
from steadygan.training import Adam, Burst, RMSProp, Training

Preset: TypeAlias = Callable[[SampleSpec], Recipe]


def _is_image(spec: SampleSpec) -> bool:
    return len(spec.shape) == 3


def _is_point(spec: SampleSpec) -> bool:
    """Of two or three numbers, as the toy experiments; rows of a table have more."""
    return len(spec.shape) == 1 and spec.shape[0] <= 3


_HIDDEN = (256, 256, 256)
_DCGAN_ADAM = Adam(lr=2e-4, beta1=0.5, beta2=0.999)


def _latent_dim(spec: SampleSpec) -> int:
    return 2 if _is_point(spec) else 100


def _networks(spec: SampleSpec, *, normalised: bool = True) -> DCGAN | MLP:
    # No batch normalisation in the critic: it would tie the samples of a batch together, which a
    # penalty per sample does not allow (Gulrajani et al. 2017, section 4).
    if _is_image(spec):
        return DCGAN(width=64, generator_norm="batch" if normalised else None)
    return MLP(hidden=_HIDDEN)


def wgan_gp(spec: SampleSpec) -> Recipe:
    """WGAN-GP (Gulrajani et al. 2017): λ 10, n_critic 5, Adam 1e-4 with β (0, 0.9), batch 64.

    On points the settings of the authors' toy code: λ 0.1, three hidden layers, a latent vector of
    2, batch 256, β (0.5, 0.9); but 256 units instead of 512, and a learning rate that falls from
    1e-3 to 0 instead of 1e-4 throughout, which reach in minutes what those reach in hours
    (docs/decisions/0005-points-recipe.md). The average of the generator is ours too.
    """
    if _is_image(spec):
        return Recipe(
            name="wgan-gp",
            architecture=_networks(spec),
            penalty=(Term(TwoSided(), 10.0),),
            training=Training(steps=20_000),
        )
    few = _is_point(spec)
    return Recipe(
        name="wgan-gp",
        architecture=_networks(spec),
        latent_dim=2 if few else 128,
        penalty=(Term(TwoSided(), 0.1 if few else 10.0),),
        critic_optimiser=Adam(lr=Linear(1e-3, 0.0), beta1=0.5),
        generator_optimiser=Adam(lr=Linear(1e-3, 0.0), beta1=0.5),
        training=Training(steps=5_000, batch_size=256),
    )


def wgan(spec: SampleSpec) -> Recipe:
    """WGAN (Arjovsky et al. 2017): weights clipped at 0.01, RMSProp 5e-5, n_critic 5, batch 64, and
    100 critic updates in each of the first 25 steps and every 500th, as in the authors' code.

    The average of the generator is ours: the paper has none.
    """
    return Recipe(
        name="wgan",
        architecture=_networks(spec),
        latent_dim=128 if _is_image(spec) else 2,
        penalty=(),
        constraint=(WeightClipping(0.01),),
        burst=Burst(n_critic=100, first=25, every=500),
        critic_optimiser=RMSProp(),
        generator_optimiser=RMSProp(),
        training=Training(steps=20_000),
    )


def gan(spec: SampleSpec) -> Recipe:
    """The minimax game as first written (Goodfellow et al. 2014, eq. 1): the generator minimises
    log(1 − σ(D)), which saturates. One critic update per step; Adam 2e-4, β1 0.5, batch 128 and
    latent 100 as Radford et al. 2016, who made the game trainable (the first paper had maxout
    networks, dropout and momentum). The average of the generator is ours, here and below."""
    return Recipe(
        name="gan",
        architecture=_networks(spec),
        latent_dim=_latent_dim(spec),
        objective=Minimax(saturating=True),
        penalty=(),
        n_critic=1,
        critic_optimiser=_DCGAN_ADAM,
        generator_optimiser=_DCGAN_ADAM,
        training=Training(steps=20_000, batch_size=128),
    )


def nsgan(spec: SampleSpec) -> Recipe:
    """The game with the generator's loss that does not saturate, −log σ(D) (Goodfellow et al. 2014,
    section 3); the rest as ``gan``."""
    return replace(gan(spec), name="nsgan", objective=Minimax())


def lsgan(spec: SampleSpec) -> Recipe:
    """LSGAN (Mao et al. 2017): labels 0 and 1, target 1, Adam 2e-4 with β1 0.5 (their setting for
    characters; 1e-3 for scenes), batch 64."""
    return replace(
        gan(spec), name="lsgan", objective=LeastSquares(), training=Training(steps=20_000)
    )


def dcgan(spec: SampleSpec) -> Recipe:
    """DCGAN (Radford et al. 2016): batch normalisation in both networks, the non-saturating loss,
    Adam 2e-4 with β1 0.5, batch 128, latent 100. On points an MLP with batch normalisation."""
    architecture: Architecture = DCGAN(critic_norm="batch")
    if not _is_image(spec):
        architecture = MLP(
            hidden=_HIDDEN, activation="leaky_relu", generator_norm="batch", critic_norm="batch"
        )
    return replace(nsgan(spec), name="dcgan", architecture=architecture)


def wgan_lp(spec: SampleSpec) -> Recipe:
    """WGAN-LP (Petzka et al. 2018): the one-sided penalty, which allows gentler slopes; the rest as
    ``wgan-gp``."""
    base = wgan_gp(spec)
    return replace(base, name="wgan-lp", penalty=(replace(base.penalty[0], penalty=OneSided()),))


def dragan(spec: SampleSpec) -> Recipe:
    """DRAGAN (Kodali et al. 2017): the minimax game, and a slope of 1 around the real samples; λ
    10, n_critic 1, Adam 1e-4 with β (0.5, 0.9), batch 64, as the authors' code. On points λ 0.1 and
    a learning rate that falls from 1e-3, as ``wgan-gp``: with λ 10 around modes so close the
    penalty outweighs the game, and no mode was found."""
    optimiser = Adam(lr=1e-4 if _is_image(spec) else Linear(1e-3, 0.0), beta1=0.5, beta2=0.9)
    return replace(
        nsgan(spec),
        name="dragan",
        penalty=(Term(DRAGANPenalty(), 0.1 if _is_point(spec) else 10.0),),
        critic_optimiser=optimiser,
        generator_optimiser=optimiser,
        training=Training(steps=20_000),
    )


def sngan(spec: SampleSpec) -> Recipe:
    """SNGAN (Miyato et al. 2018): spectral normalisation and the hinge loss, n_critic 5, Adam 2e-4
    with β (0, 0.9), batch 64, latent 128, as the authors' published configuration for CIFAR-10; it
    also lets the learning rate fall from the start and takes generator batches of 128."""
    optimiser = Adam(lr=2e-4, beta1=0.0, beta2=0.9)
    return replace(
        gan(spec),
        name="sngan",
        latent_dim=128 if _is_image(spec) else _latent_dim(spec),
        objective=Hinge(),
        constraint=(SpectralNorm(),),
        n_critic=5,
        critic_optimiser=optimiser,
        generator_optimiser=optimiser,
        training=Training(steps=20_000),
    )


def pacgan(spec: SampleSpec) -> Recipe:
    """PacGAN2 (Lin et al. 2018): the critic judges two samples together; the rest as ``nsgan``."""
    return replace(nsgan(spec), name="pacgan", stabiliser=(Packing(2),))


def r3gan(spec: SampleSpec) -> Recipe:
    """R3GAN (Huang et al. 2024): the relativistic pairing loss with R1 and R2, no normalisation,
    one critic update per step, and a burn-in in which the learning rate and γ fall and β2 rises on
    half a cosine. On images their settings for Stacked-MNIST: Adam 2e-4 to 5e-5, β (0, 0.9) to
    (0, 0.99), γ 1 to 0.1; on points γ 0.1 to 0.01, and 1e-3 to 1e-4 over the whole run, are ours.
    Their networks are larger, and their batches of 512 or 256."""
    burn_in = 0.5  # of the run
    gamma = (0.1, 0.01) if _is_point(spec) else (1.0, 0.1)
    weight = Cosine(gamma[0] / 2, gamma[1] / 2, end=burn_in)
    lr = Cosine(2e-4, 5e-5, end=burn_in) if _is_image(spec) else Cosine(1e-3, 1e-4)  # to the end
    optimiser = Adam(lr=lr, beta1=0.0, beta2=Cosine(0.9, 0.99, end=burn_in))
    return replace(
        gan(spec),
        name="r3gan",
        architecture=_networks(spec, normalised=False),
        objective=RelativisticPairing(),
        penalty=(Term(R1(), weight), Term(R2(), weight)),
        critic_optimiser=optimiser,
        generator_optimiser=optimiser,
        training=Training(steps=20_000 if _is_image(spec) else 10_000, batch_size=128),
    )


def cgan(spec: SampleSpec) -> Recipe:
    """The conditional GAN (Mirza & Osindero 2014): the label beside the input of both networks;
    the rest as ``nsgan``, since the paper's maxout networks and SGD have gone out of use."""
    return replace(nsgan(spec), name="cgan", conditional=True)


def acgan(spec: SampleSpec) -> Recipe:
    """AC-GAN (Odena et al. 2017): the critic also names the class, of real and of fake samples, and
    the generator wants its class named. Adam 2e-4 with β1 0.5, batch 100, latent 110."""
    return replace(
        nsgan(spec),
        name="acgan",
        architecture=replace(_networks(spec), conditioning="auxiliary"),
        latent_dim=110 if _is_image(spec) else _latent_dim(spec),
        conditional=True,
        auxiliary=AuxiliaryClassifier(),
        training=Training(steps=20_000, batch_size=100),
    )


def projection(spec: SampleSpec) -> Recipe:
    """The projection critic (Miyato & Koyama 2018): the score gains the product of an embedded
    label and the features; hinge loss, spectral normalisation, Adam 2e-4 with β (0, 0.9), n_critic
    5, batch 64. Their generator takes labels by conditional batch normalisation, ours beside the
    latent vector."""
    return replace(
        sngan(spec),
        name="projection",
        architecture=replace(_networks(spec), conditioning="projection"),
        conditional=True,
    )


def wgan_gp_resnet(spec: SampleSpec) -> Recipe:
    """The residual networks of WGAN-GP on CIFAR-10 (Gulrajani et al. 2017, section 5.4): width 128,
    Adam 2e-4 falling to 0 over 100,000 steps. For images; days on a CPU."""
    if not _is_image(spec):
        raise RecipeError("wgan-gp-resnet is for images; on points and tables use wgan-gp.")
    return replace(
        wgan_gp(spec),
        name="wgan-gp-resnet",
        architecture=ResNet(width=128),
        critic_optimiser=Adam(lr=Linear(2e-4, 0.0)),
        generator_optimiser=Adam(lr=Linear(2e-4, 0.0)),
        training=Training(
            steps=100_000, probe_every=1_000, sample_every=1_000, checkpoint_every=1_000
        ),
    )


def digits(spec: SampleSpec) -> Recipe:
    """WGAN-GP for tiny images, in two minutes on two cores: small MLPs, and with them many more
    steps in the same time; λ 1, n_critic 2, Adam 1e-3 falling to 0.

    How it was found is in docs/decisions/0004-digits-recipe.md.
    """
    return Recipe(
        name="digits",
        architecture=MLP(hidden=(256, 256, 256), activation="leaky_relu"),
        latent_dim=64,
        penalty=(Term(TwoSided(), 1.0),),
        n_critic=2,
        critic_optimiser=Adam(lr=Linear(1e-3, 0.0)),
        generator_optimiser=Adam(lr=Linear(1e-3, 0.0)),
        ema=EMA(0.999),
        training=Training(
            steps=9_000, record_every=20, probe_every=900, sample_every=900, checkpoint_every=900
        ),
    )


PRESETS: dict[str, tuple[str, Preset]] = {
    "wgan-gp": ("WGAN with gradient penalty (Gulrajani et al. 2017)", wgan_gp),
    "wgan": ("WGAN with weight clipping (Arjovsky et al. 2017)", wgan),
    "wgan-lp": ("WGAN with a one-sided penalty (Petzka et al. 2018)", wgan_lp),
    "gan": ("the minimax game, saturating (Goodfellow et al. 2014)", gan),
    "nsgan": ("the minimax game, not saturating (Goodfellow et al. 2014)", nsgan),
    "lsgan": ("least squares (Mao et al. 2017)", lsgan),
    "dcgan": ("batch normalisation in both networks (Radford et al. 2016)", dcgan),
    "dragan": ("minimax, with a penalty around the data (Kodali et al. 2017)", dragan),
    "sngan": ("hinge loss with spectral normalisation (Miyato et al. 2018)", sngan),
    "pacgan": ("a critic of pairs of samples (Lin et al. 2018)", pacgan),
    "r3gan": ("relativistic pairs with R1 and R2 (Huang et al. 2024)", r3gan),
    "cgan": ("conditional, labels beside the input (Mirza & Osindero 2014)", cgan),
    "acgan": ("conditional, with an auxiliary classifier (Odena et al. 2017)", acgan),
    "projection": ("conditional, a projection critic (Miyato & Koyama 2018)", projection),
    "wgan-gp-resnet": ("WGAN-GP with its residual networks, for images", wgan_gp_resnet),
    "digits": ("WGAN-GP for tiny images on a CPU, the default for digits", digits),
}


def names() -> dict[str, str]:
    """Every preset with a one-line description."""
    return {name: text for name, (text, _) in PRESETS.items()}


def default_for(data_name: str) -> str:
    """The preset for a data set where none is asked for."""
    return "digits" if data_name == "digits" else "wgan-gp"


def resolve(text: str) -> Preset:
    """The function that ``text`` names: a preset, ``module:function`` or ``file.py:function``.

    Raises:
        RecipeError: there is none.
    """
    if text in PRESETS:
        return PRESETS[text][1]
    if ":" not in text:
        raise RecipeError(
            f"unknown recipe {text!r}.{did_you_mean(text, list(PRESETS))} "
            "Your own: module:function or file.py:function."
        )
    preset: Preset = own_function(text, RecipeError)
    return preset
