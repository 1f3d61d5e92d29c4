"""Whom to cite: the publication that each method of a recipe is from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Source:
    """A publication.

    Attributes:
        key: of the BibTeX entry.
        authors, title, year: as printed there.
        arxiv: its number.
    """

    key: str
    authors: str
    title: str
    year: int
    arxiv: str

    def bibtex(self) -> str:
        return (
            f"@misc{{{self.key},\n  author = {{{self.authors}}},\n  title = {{{{{self.title}}}}},\n"
            f"  year = {{{self.year}}},\n  eprint = {{{self.arxiv}}},\n"
            "  archivePrefix = {arXiv}\n}"
        )


_GAN = Source(
    "goodfellow2014generative",
    "Goodfellow, Ian and Pouget-Abadie, Jean and Mirza, Mehdi and Xu, Bing and Warde-Farley, David "
    "and Ozair, Sherjil and Courville, Aaron and Bengio, Yoshua",
    "Generative Adversarial Networks", 2014, "1406.2661",
)  # fmt: skip
_WGAN = Source(
    "arjovsky2017wasserstein", "Arjovsky, Martin and Chintala, Soumith and Bottou, Léon",
    "Wasserstein GAN", 2017, "1701.07875",
)  # fmt: skip
_WGAN_GP = Source(
    "gulrajani2017improved",
    "Gulrajani, Ishaan and Ahmed, Faruk and Arjovsky, Martin and Dumoulin, Vincent and Courville, "
    "Aaron",
    "Improved Training of Wasserstein GANs", 2017, "1704.00028",
)  # fmt: skip
_RELATIVISTIC = Source(
    "jolicoeurmartineau2019relativistic", "Jolicoeur-Martineau, Alexia",
    "The Relativistic Discriminator: a Key Element Missing from Standard GAN", 2019, "1807.00734",
)  # fmt: skip
_R1 = Source(
    "mescheder2018which", "Mescheder, Lars and Geiger, Andreas and Nowozin, Sebastian",
    "Which Training Methods for GANs do actually Converge?", 2018, "1801.04406",
)  # fmt: skip
_IMPROVED = Source(
    "salimans2016improved",
    "Salimans, Tim and Goodfellow, Ian and Zaremba, Wojciech and Cheung, Vicki and Radford, Alec "
    "and Chen, Xi",
    "Improved Techniques for Training GANs", 2016, "1606.03498",
)  # fmt: skip

# By the class that a recipe names.
_OF_CLASS: Mapping[str, Source] = {
    "Wasserstein": _WGAN,
    "WeightClipping": _WGAN,
    "TwoSided": _WGAN_GP,
    "ResNet": _WGAN_GP,
    "Minimax": _GAN,
    "LeastSquares": Source(
        "mao2017least",
        "Mao, Xudong and Li, Qing and Xie, Haoran and Lau, Raymond Y. K. and Wang, Zhen and "
        "Smolley, Stephen Paul",
        "Least Squares Generative Adversarial Networks", 2017, "1611.04076",
    ),
    "Hinge": Source(
        "lim2017geometric", "Lim, Jae Hyun and Ye, Jong Chul", "Geometric GAN", 2017, "1705.02894"
    ),
    "RelativisticPairing": _RELATIVISTIC,
    "RelativisticAverage": _RELATIVISTIC,
    "OneSided": Source(
        "petzka2018regularization", "Petzka, Henning and Fischer, Asja and Lukovnicov, Denis",
        "On the regularization of Wasserstein GANs", 2018, "1709.08894",
    ),
    "R1": _R1,
    "R2": _R1,
    "DRAGAN": Source(
        "kodali2017convergence",
        "Kodali, Naveen and Abernethy, Jacob and Hays, James and Kira, Zsolt",
        "On Convergence and Stability of GANs", 2017, "1705.07215",
    ),
    "ZeroCentred": Source(
        "thanhtung2019improving", "Thanh-Tung, Hoang and Tran, Truyen and Venkatesh, Svetha",
        "Improving Generalization and Stability of Generative Adversarial Networks", 2019,
        "1902.03984",
    ),
    "SpectralNorm": Source(
        "miyato2018spectral",
        "Miyato, Takeru and Kataoka, Toshiki and Koyama, Masanori and Yoshida, Yuichi",
        "Spectral Normalization for Generative Adversarial Networks", 2018, "1802.05957",
    ),
    "WeightNorm": Source(
        "salimans2016weight", "Salimans, Tim and Kingma, Diederik P.",
        "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural "
        "Networks", 2016, "1602.07868",
    ),
    "Packing": Source(
        "lin2018pacgan",
        "Lin, Zinan and Khetan, Ashish and Fanti, Giulia and Oh, Sewoong",
        "PacGAN: The power of two samples in generative adversarial networks", 2018, "1712.04086",
    ),
    "DCGAN": Source(
        "radford2016unsupervised", "Radford, Alec and Metz, Luke and Chintala, Soumith",
        "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial "
        "Networks", 2016, "1511.06434",
    ),
    "AuxiliaryClassifier": Source(
        "odena2017conditional", "Odena, Augustus and Olah, Christopher and Shlens, Jonathon",
        "Conditional Image Synthesis With Auxiliary Classifier GANs", 2017, "1610.09585",
    ),
    "DifferentiableAugmentation": Source(
        "zhao2020differentiable",
        "Zhao, Shengyu and Liu, Zhijian and Lin, Ji and Zhu, Jun-Yan and Han, Song",
        "Differentiable Augmentation for Data-Efficient GAN Training", 2020, "2006.10738",
    ),
    "HistoricalAveraging": _IMPROVED,
    "FeatureMatching": _IMPROVED,
}  # fmt: skip


def sources_of(recipe: Mapping[str, Any]) -> list[Source]:
    """The publications that a recipe's components, given as JSON, are from; each once."""
    found = [_OF_CLASS[name] for name in _classes(recipe) if name in _OF_CLASS]
    return list(dict.fromkeys(found))


def _classes(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "class" in part:
            yield str(part["class"])
        for value in part.values():
            yield from _classes(value)
    elif isinstance(part, (list, tuple)):
        for value in part:
            yield from _classes(value)
