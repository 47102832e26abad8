"""Inspect pairs before training: what they are, and what is wrong with which.

    report = check(find_pairs([Path("facades")], "right"))
    print(*summary(report.findings), sep="\\n")
    write_report(report, Path("report"))

`pair_facts` reads one pair, `conclusions` compares them all, `page` shows the report.
"""

from pix2pix.datasets.check.findings import KINDS, Finding, summary
from pix2pix.datasets.check.page import write_report
from pix2pix.datasets.check.report import HalfReport, Report, check

__all__ = ["KINDS", "Finding", "HalfReport", "Report", "check", "summary", "write_report"]
