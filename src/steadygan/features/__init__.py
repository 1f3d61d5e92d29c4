"""Feature extractors: the space that metrics measure distances in."""

from steadygan.features.choose import EXTRACTORS, choose_extractor
from steadygan.features.extractor import Classifier, Extractor, NetworkFeatures
from steadygan.features.inception import inception
from steadygan.features.label_classifier import label_classifier
from steadygan.features.mobilenet import MobileNetV2, mobilenet
from steadygan.features.module import module
from steadygan.features.pixels import Pixels, PrincipalComponents, principal_components
from steadygan.features.pretrained import timm_model, transformers_model
from steadygan.features.resnet56 import ResNet56, resnet56

__all__ = [
    "EXTRACTORS",
    "Classifier",
    "Extractor",
    "MobileNetV2",
    "NetworkFeatures",
    "Pixels",
    "PrincipalComponents",
    "ResNet56",
    "choose_extractor",
    "inception",
    "label_classifier",
    "mobilenet",
    "module",
    "principal_components",
    "resnet56",
    "timm_model",
    "transformers_model",
]
