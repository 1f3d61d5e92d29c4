"""Diagnosis: what is wrong, with evidence, before a training and while it runs."""

from steadygan.diagnosis.check import Check, Seen
from steadygan.diagnosis.doctor import Doctor, diagnose, gone
from steadygan.diagnosis.finding import Diagnosis, Finding, Status
from steadygan.diagnosis.monitor import Monitor
from steadygan.diagnosis.preflight import check_names, examine, names, preflight_networks
from steadygan.diagnosis.setting import PenaltyFunction, Setting

__all__ = [
    "Check",
    "Diagnosis",
    "Doctor",
    "Finding",
    "Monitor",
    "PenaltyFunction",
    "Seen",
    "Setting",
    "Status",
    "check_names",
    "diagnose",
    "examine",
    "gone",
    "names",
    "preflight_networks",
]
