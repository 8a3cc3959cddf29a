"""The Markdown of a run."""

import statistics

from content import VARIANTS
from reads import layouts
from shapes import SHAPES
from writes import LAYOUTS

KINDS = {"insert": "insert, one resource a transaction", "batch": "insert, 300 a transaction, resources/s",
         "update": "update, a token and the date change"}


def median(runs, value="tps"):
    return statistics.median(run.get(value, run["tps"]) for run in runs)


def cell(kind, runs):
    if kind == "batch":
        return f"{median(runs, 'resources'):,.0f}"
    return f"{median(runs):,.0f} ({median(runs, 'ms'):.2f} ms)"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def show(result):
    parts = [about(result)]
    if "index" in result:
        parts += index(result["index"])
    if "content" in result:
        parts += content(result["content"])
    return "\n".join(parts)


def about(result):
    facts = result["facts"]
    return (f"{facts['resources']:,} resources of {facts['patients']:,} patients, PostgreSQL {facts['postgres']}, "
            f"{facts['cores']} cores, fsync on, autovacuum off while measuring; prepared statements, medians of "
            f"{facts['reps']}, transactions a second (mean latency).\n"
            f"A resource has {facts['terms']:.1f} keys, of which {facts['references']:.1f} are references, "
            f"{facts['dates']:.1f} dates and {facts['lines']:.1f} timeline rows; {facts['common']:.0%} of the keys' "
            f"rows are under keys that more than a twentieth of all resources share.\n")


def index(found):
    parts = ["## Layouts: size, each packed; in the last line as the load left it\n", size_table(found)]
    for clients in ("1", "8"):
        parts.append(f"## Layouts: writes, {clients} client{'s' * (clients != '1')}\n")
        rows = [[KINDS[kind]] + [cell(kind, found["writes"][kind][layout][clients]) for layout in LAYOUTS]
                for kind in KINDS if clients in found["writes"][kind]["T"]]
        parts.append(table(["", *LAYOUTS], rows))
    for clients in ("1", "8"):
        parts.append(f"## Layouts: searches, {clients} client{'s' * (clients != '1')}\n")
        parts.append(table(["", "rows", *LAYOUTS], [search_row(found, shape, clients) for shape in SHAPES]))
    parts.append("## Layouts: pages touched by a search (8 kB each, planning left out)\n")
    pages = [[SHAPES[shape][0]] + [page_cell(explained, layout) for layout in LAYOUTS]
             for shape, explained in found["explained"].items()]
    parts.append(table(["", *LAYOUTS], pages))
    return parts


def size_table(found):
    sizes = found["sizes"]

    def row(name, value):
        return [name] + [f"{sum(value(part) for part in sizes[layout].values()):,.0f}" for layout in LAYOUTS]
    rows = [row("rows, thousands", lambda part: part["rows"] / 1000), row("tables, MB", lambda part: part["table"]),
            row("indexes, MB", lambda part: part["index"]), row("both, MB", lambda part: part["table"] + part["index"])]
    loaded = found["sizes_loaded"]
    rows.append(["both, as loaded, MB", "", *(f"{loaded[layout]:,.0f}" for layout in ("T", "T+")), ""])
    return table(["", *LAYOUTS], rows)


def search_row(found, shape, clients):
    runs = found["searches"][shape]
    cells = [cell("search", runs[layout][clients]) if layout in layouts(shape) else "as T" for layout in LAYOUTS]
    return [SHAPES[shape][0], f"{found['rows'][shape]:,.0f}", *cells]


def page_cell(explained, layout):
    if layout not in explained:
        return "as T"
    return f"{explained[layout]['pages']:,.0f} ({explained[layout]['ms']:.2f} ms)"


def content(found):
    rows = [["size on disk, MB"] + [f"{found['sizes'][variant]['mb']:,.0f}" for variant in VARIANTS],
            ["bytes a resource"] + [f"{found['sizes'][variant]['bytes_a_row']:,.0f}" for variant in VARIANTS]]
    names = {"insert": KINDS["insert"], "batch": KINDS["batch"], "select": "whole content by primary key"}
    for kind, name in names.items():
        for clients in found["runs"][kind]["text"]:
            cells = [cell(kind, found["runs"][kind][variant][clients]) for variant in VARIANTS]
            rows.append([f"{name}, {clients} client{'s' * (clients != '1')}", *cells])
    kept = [[f"`{one['written']}`", f"`{one['json']}`", f"`{one['jsonb']}`"] for one in found["fidelity"]]
    return ["## Content: columns\n", table(["", *VARIANTS], rows), "## Content: what comes back\n",
            table(["written", "text, json", "jsonb"], kept)]
