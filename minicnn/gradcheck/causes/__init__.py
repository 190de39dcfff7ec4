"""From wrong numbers to the likeliest mistake."""

from typing import Any


def diagnose(target: Any, values: Any, conduct: Any, report: Any, settings: Any, ties: str) -> None:
    report.findings = conduct.findings
    if report.findings:
        report.cause, report.explanation = report.findings[0].cause, report.findings[0].evidence
