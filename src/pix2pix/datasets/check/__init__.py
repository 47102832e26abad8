"""Inspect pairs before training: what they are, and what is wrong with which.

    report = check(find_pairs([Path("facades")], "right"))
    print(*summary(report.findings), sep="\\n")
    write_report(report, Path("report"))

`look` reads one pair, `survey` keeps little of it, `judge` compares them all; `page` shows it.
"""

from pix2pix.datasets.check.findings import KINDS, Finding, summary
from pix2pix.datasets.check.page import write_report
from pix2pix.datasets.check.report import HalfReport, Report, check

__all__ = ["KINDS", "Finding", "HalfReport", "Report", "check", "summary", "write_report"]
