# SPDX-License-Identifier: Apache-2.0
"""Alerts and the dashboard ask for metrics that the driver has, and all it has are documented."""

import json
import re
from typing import Iterator

import yaml

from chart import DIRECTORY, REPOSITORY

METRIC = re.compile(r"nodevol_[a-z_]+")
# Of the pod that is asked, which Prometheus puts on, and of a histogram.
FOREIGN_LABELS = {"namespace", "pod", "node", "le"}


def table() -> list[list[str]]:
    """The cells of those rows of docs/metrics.md that are about the driver's metrics."""
    rows = [
        line.split("|")
        for line in (REPOSITORY / "docs/metrics.md").read_text().splitlines()
        if line.startswith("| `nodevol_")
    ]
    assert len(rows) > 15
    return rows


def documented() -> set[str]:
    """The metrics in docs/metrics.md."""
    return {name for row in table() for name in METRIC.findall(row[1])}


def series() -> set[str]:
    """The same, with the names that a histogram has."""
    names = documented()
    return names | {
        f"{name}_{part}"
        for name in names
        if name.endswith("_seconds")
        for part in ("bucket", "sum", "count")
    }


def exposed() -> set[str]:
    """The metrics that the driver's sources name. Those of a pool are named in two parts."""
    names, of_pools = set(), set()
    for path in [*REPOSITORY.glob("*.cc"), *REPOSITORY.glob("*/*.cc")]:
        if path.name.endswith("_test.cc"):
            continue
        text = path.read_text()
        names |= set(re.findall(r'"(nodevol_[a-z_]+)"', text))
        if '"nodevol_pool_"' in text:
            of_pools |= {f"nodevol_pool_{name}" for name in re.findall(r'\badd\("(\w+)"', text)}
    assert len(of_pools) > 5
    return names - {"nodevol_pool_"} | of_pools


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
    assert names and names <= series(), names - series()
    for expression in asked:
        assert expression.count("(") == expression.count(")")
        assert expression.count("{") == expression.count("}")


def test_what_the_driver_exposes_is_documented() -> None:
    assert exposed() == documented()


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


def test_labels_are_those_that_there_are() -> None:
    """What a series is chosen, grouped and described by is a label of its own."""
    known = FOREIGN_LABELS | {
        label for row in table() for label in re.findall(r"`(\w+)`", row[2])
    }
    alerts = (DIRECTORY / "files/alerts.yaml").read_text()
    dashboard = (DIRECTORY / "files/dashboard.json").read_text()
    used = set(re.findall(r"\$labels\.(\w+)", alerts)) | set(re.findall(r"{{(\w+)}}", dashboard))
    for expression in (alerts, dashboard.replace('\\"', '"')):
        used |= set(re.findall(r'(\w+)(?:=|!=|=~|!~)"', expression))
        for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
            used |= {label.strip() for label in grouped.split(",")}
    assert {"pool", "reason", "code", "method"} <= used
    assert used <= known, used - known


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads((DIRECTORY / "files/dashboard.json").read_text())
    check([asked for asked in expressions(dashboard) if asked != "prometheus"])
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_panels_cover_no_other() -> None:
    panels = json.loads((DIRECTORY / "files/dashboard.json").read_text())["panels"]
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, f"{panel['title']} over {taken[x, y]}"
                taken[x, y] = panel["title"]
