# SPDX-License-Identifier: Apache-2.0
"""Alerts and the dashboard ask for metrics that the driver has."""

import json
import re
from typing import Iterator

import yaml

from chart import DIRECTORY, REPOSITORY

METRIC = re.compile(r"nodevol_[a-z_]+")


def documented() -> set[str]:
    """The metrics in docs/metrics.md, with the names that a histogram has."""
    table = [
        line
        for line in (REPOSITORY / "docs/metrics.md").read_text().splitlines()
        if line.startswith("| `nodevol_")
    ]
    names = set(METRIC.findall("\n".join(line.split("|")[1] for line in table)))
    assert len(names) > 15
    return names | {
        f"{name}_{part}"
        for name in names
        if name.endswith("_seconds")
        for part in ("bucket", "sum", "count")
    }


def expressions(made: object) -> Iterator[str]:
    """All values of "expr" and "query" in nested objects."""
    if isinstance(made, dict):
        for key, value in made.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(made, list):
        for value in made:
            yield from expressions(value)


def check(asked: list[str]) -> None:
    """Each asks for a metric, and each metric is one that there is."""
    names = {name for expression in asked for name in METRIC.findall(expression)}
    assert names and names <= documented(), names - documented()
    for expression in asked:
        assert expression.count("(") == expression.count(")")
        assert expression.count("{") == expression.count("}")


def test_alerts_ask_for_metrics_that_there_are() -> None:
    rules = [
        rule
        for group in yaml.safe_load((DIRECTORY / "files/alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    check([rule["expr"] for rule in rules])
    for rule in rules:
        assert METRIC.search(rule["expr"]), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
    assert len({rule["alert"] for rule in rules}) == len(rules)


def test_alerts_see_what_begins_and_take_no_gap_for_a_beginning() -> None:
    """A series may begin with what it is to tell, of which increase() and rate() see nothing; and
    it may be missing at any one moment, because a scrape failed."""
    rules = yaml.safe_load((DIRECTORY / "files/alerts.yaml").read_text())["groups"][0]["rules"]
    counting = [
        rule["expr"]
        for rule in rules
        if re.search(r"nodevol_(rpc_total|pool_project_escapes)\b", rule["expr"])
    ]
    assert len(counting) == 2
    for expression in counting:
        assert re.search(
            r"(nodevol_\S+)( > 0)?\s+unless \1\s+== last_over_time\(\1\[\w+\] offset \w+\)",
            expression,
        )


def test_alerts_are_documented() -> None:
    text = (REPOSITORY / "docs/metrics.md").read_text()
    rules = [
        rule
        for group in yaml.safe_load((DIRECTORY / "files/alerts.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]
    rows = re.findall(r"^\| `(Nodevol\w+)` \|.*\| (warning|critical) \|", text, re.MULTILINE)
    assert sorted(rows) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in rules)


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads((DIRECTORY / "files/dashboard.json").read_text())
    check([asked for asked in expressions(dashboard) if asked != "prometheus"])
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
