"""Searches in every layout: whether they find the same, how many pages they touch, and how fast they are."""

import json
import os
import re
import statistics

from cluster import READS, pgbench, psql
from shapes import SHAPES

# Where T+ has no other way than T it is not measured twice.
SAME = [shape for shape, (_, _, other) in SHAPES.items() if other is None]
EXPLAINED = 5


def layouts(shape):
    return ["N", "T", "A"] if shape in SAME else ["N", "T", "T+", "A"]


def quoted(values):
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def check(cluster, database, found):
    """Every layout must give the same answer, else its speed says nothing. Returns the mean number of rows by shape."""
    rows = {}
    for shape in SHAPES:
        sql = []
        for layout in layouts(shape):
            for text, values in found[shape][layout]:
                # Of equal dates each layout has its own order: the dates must be the same.
                column = "m.s1" if "m.s1" in text else "r.no"
                if text.startswith("select count"):
                    text = f"select count as x from ({text}) c"
                else:
                    text = re.sub(r"^select .*", f"select {column} as x", text, count=1)
                sql.append(f"prepare q as select json_agg(x) from ({text}) y;")
                sql += [f"execute q({quoted(values)});", "deallocate q;"]
        answers = [json.loads(row[0] or "[]") for row in psql(cluster, database, "\n".join(sql), READS)]
        sets = len(found[shape]["T"])
        for at in range(sets):
            of_set = {layout: answers[i * sets + at] for i, layout in enumerate(layouts(shape))}
            if any(answer != of_set["T"] for answer in of_set.values()):
                raise SystemExit(f"error: the layouts differ on {shape}, set {at}: {of_set}")
        first = answers[:sets]
        rows[shape] = statistics.mean(answer[0] if shape.startswith("count") else len(answer) for answer in first)
    return rows


def explain(cluster, database, found, folder):
    """Returns by shape and layout the pages touched and the milliseconds, means of a few sets; keeps the plans."""
    pages = {}
    for shape in SHAPES:
        for layout in layouts(shape):
            sql = []
            for text, values in found[shape][layout][:EXPLAINED]:
                # Twice: the first reads what no other search has yet.
                sql += [f"prepare q as {text};"]
                sql += [f"explain (analyze, buffers, format json) execute q({quoted(values)});"] * 2 + ["deallocate q;"]
            plans = whole_plans(psql(cluster, database, "\n".join(sql), READS))[1::2]
            (folder / f"{name(shape, layout)}.plan.json").write_text(json.dumps(plans[0], indent=1))
            hits = [plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for plan in plans]
            times = [plan["Execution Time"] for plan in plans]
            pages.setdefault(shape, {})[layout] = {"pages": statistics.mean(hits), "ms": statistics.mean(times)}
    return pages


def whole_plans(rows):
    """A plan comes as one value over many lines."""
    plans, text = [], ""
    for row in rows:
        text += row[0]
        if row[0] == "]":
            plans.append(json.loads(text)[0])
            text = ""
    return plans


def name(shape, layout):
    return f"{shape}-{layout.replace('+', 'p').lower()}"


def write_scripts(found, folder):
    """Writes one script a set of values; returns by shape and layout their paths and the values as variables."""
    scripts = {}
    for shape in SHAPES:
        for layout in layouts(shape):
            paths, variables = [], {}
            for at, (text, values) in enumerate(found[shape][layout]):
                path = folder / f"{name(shape, layout)}-{at}.sql"
                path.write_text(re.sub(r"\$(\d+)", rf":s{at}_\1", text) + ";\n")
                paths.append(path)
                variables.update({f"s{at}_{i}": value for i, value in enumerate(values, 1)})
            scripts[shape, layout] = paths, variables
    return scripts


def measure(cluster, database, found, explained, folder, reps, seconds):
    """Returns by shape, layout and clients the runs; layouts take turns, so that a slow minute is shared."""
    scripts = write_scripts(found, folder)
    runs = {}
    for _ in range(reps):
        for (shape, layout), (paths, variables) in scripts.items():
            for clients in (1, 8):
                # Eight clients prepare half of the sets each, to keep that small beside the run.
                some = paths if clients == 1 else paths[::2]
                length = "-t", transactions(explained[shape][layout]["ms"], clients, seconds)
                one = pgbench(cluster, database, some, clients, length, READS, variables)
                runs.setdefault(shape, {}).setdefault(layout, {}).setdefault(str(clients), []).append(one)
    return runs


def transactions(ms, clients, seconds):
    """Returns how many transactions of each client take about so long, given the time of one in the server."""
    at_once = min(clients, os.cpu_count())
    return max(20, int(seconds * 1000 * at_once / clients / (ms + 0.03)))
