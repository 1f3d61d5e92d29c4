"""What a diagnosis says of itself."""

from __future__ import annotations

import pytest

from steadygan.diagnosis import Diagnosis, Finding, Status

OK, WARNING, ERROR, NOT_RUN = (
    Finding(status.value, status, "seen", "line", "why", "do", "paper") for status in Status
)


@pytest.mark.parametrize(
    ("findings", "healthy"),
    [
        ((OK,), True),
        ((OK, NOT_RUN), False),
        ((NOT_RUN,), False),
        ((), False),
        ((OK, WARNING), False),
        ((OK, ERROR), False),
    ],
)
def test_healthy_is_said_only_where_everything_ran(
    findings: tuple[Finding, ...], healthy: bool
) -> None:
    assert Diagnosis(findings).verdict.startswith("healthy") == healthy


def test_what_did_not_run_is_counted() -> None:
    diagnosis = Diagnosis((OK, NOT_RUN, NOT_RUN, WARNING))
    assert diagnosis.verdict == "1 warning of 2 checks; 2 did not run"
    assert Diagnosis((NOT_RUN,) * 3).verdict == "nothing to judge: none of 3 checks ran"
    assert [each.check for each in diagnosis.without(["warning"]).findings] == [
        "ok",
        "not_run",
        "not_run",
    ]


def test_a_finding_goes_through_json_and_back() -> None:
    assert Finding.from_json(ERROR.to_json()) == ERROR


def test_a_line_holds_evidence_reason_source_and_change() -> None:
    assert ERROR.line == "error error: seen. Why (paper). Try: do."
