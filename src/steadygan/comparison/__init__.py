"""Comparisons: several recipes, settings and seeds trained under one budget, with their spread."""

from steadygan.comparison.comparison import Comparison, compare, resume_comparison
from steadygan.comparison.figure import Panel, draw
from steadygan.comparison.plan import Axis, Combination, Member, Plan, parse_axis
from steadygan.comparison.results import MemberResult, ResultRow, Results, Spread, spread_of
from steadygan.comparison.table import Column, columns_of, pack

__all__ = [
    "Axis",
    "Column",
    "Combination",
    "Comparison",
    "Member",
    "MemberResult",
    "Panel",
    "Plan",
    "ResultRow",
    "Results",
    "Spread",
    "columns_of",
    "compare",
    "draw",
    "pack",
    "parse_axis",
    "resume_comparison",
    "spread_of",
]
