"""The programs are run by the test beside them, not imported."""

collect_ignore = ["programs"]
