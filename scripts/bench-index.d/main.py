"""The run: a loaded hospital, layouts made of it, and what each of them costs and gives: see scripts/bench-index."""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cluster as pg
import content
import hospital
import keys
import reads
import report
import shapes
import writes

HERE = Path(__file__).resolve().parent
DATABASE = "bench"


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench-index")
    parser.add_argument("--patients", type=int, default=3500)
    parser.add_argument("--reuse", action="store_true", help="take the hospital that is loaded already")
    parser.add_argument("--binary", required=True, help="the release build of the server")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="index,content", help="what to measure")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--read-secs", type=float, default=0.7)
    parser.add_argument("--write-secs", type=int, default=2)
    return parser.parse_args()


def main():
    args = arguments()
    home = Path(os.environ["BENCH_WORK"]) / "index"
    folder = home / "scripts"
    cluster = pg.start(home)
    folder.mkdir(exist_ok=True)
    (home / "files").mkdir(exist_ok=True)
    result = {"steps_s": {}}

    def step(name, work):
        began = time.time()
        print(f"{name} …", end=" ", flush=True, file=sys.stderr)
        done = work()
        result["steps_s"][name] = round(time.time() - began, 1)
        print(f"{result['steps_s'][name]} s", file=sys.stderr)
        return done

    try:
        result["loading"] = step("hospital", lambda: hospital.ensure(cluster, args.binary, args.patients, args.reuse))
        step("copy", lambda: copy(cluster))
        loaded = step("layouts", lambda: derive(cluster))
        result["facts"] = facts(cluster, args)
        found, final, amended = step("statements", lambda: shapes.prepare(cluster, args.binary, DATABASE))
        sample = step("sample", lambda: take_sample(cluster, result["facts"]["observations"], final, amended))
        if "index" in args.only:
            result["index"] = index(cluster, args, folder, found, sample, step)
            result["index"]["sizes_loaded"] = loaded
        if "content" in args.only:
            result["content"] = columns(cluster, args, folder, sample, result["facts"]["resources"], step)
    finally:
        pg.stop(cluster)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1))
    print(report.show(result))


def copy(cluster):
    """What is measured is written to, so the loaded hospital stays apart."""
    pg.psql(cluster, "postgres", f"drop database if exists {DATABASE} with (force);\n"
            f"create database {DATABASE} template loaded strategy file_copy;\n"
            f"alter system set autovacuum = off;\nselect pg_reload_conf();")


def derive(cluster):
    """Makes the other layouts' tables, two at a time; returns the size of the server's own before."""
    loaded = writes.sizes_of_own(cluster, DATABASE)
    keys.label_references(cluster, DATABASE)

    def run(name):
        pg.psql(cluster, DATABASE, (HERE / name).read_text())

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, ["layout-n.sql", "layout-a.sql", "layout-t.sql"]))
    pg.psql(cluster, DATABASE, "vacuum (analyze);\ncheckpoint;")
    return loaded


def take_sample(cluster, observations, final, amended):
    """Returns how many resources the sample has of each kind, and how many each layout changes."""
    sizes = {"n": min(20_000, observations // 3), "u": min(10_000, observations // 8)}
    variables = {**sizes, "final": final, "amended": amended}
    pg.psql(cluster, DATABASE, (HERE / "sample.sql").read_text(), variables=variables)
    pg.psql(cluster, DATABASE, "vacuum (analyze) sample;\nvacuum (analyze) change;\ncheckpoint;")
    counted = pg.psql(cluster, DATABASE, "select count(*) from sample;\nselect count(*) from change;")
    if counted != [[str(2 * sizes["n"])], [str(8 * sizes["u"])]]:
        raise SystemExit(f"error: of {sizes} resources wanted in the sample there are {counted}")
    return sizes["n"], sizes["u"]


def facts(cluster, args):
    rows = pg.psql(cluster, DATABASE, """
        select count(*), count(*) filter (where type = 95) from resource;
        select count(*), 0 from term;
        select count(*), 0 from reference_n;
        select count(*), 0 from date_value;
        select count(*), 0 from timeline;
        select split_part(current_setting('server_version'), ' ', 1), 0;
        select sum(n) filter (where n > (select count(*) from resource) / 20) / sum(n), 0
        from (select count(*) as n from term group by key) k;""")
    resources, terms, references, dates, lines = [int(row[0]) for row in rows[:5]]
    return {"patients": args.patients, "resources": resources, "observations": int(rows[0][1]),
            "terms": terms / resources, "references": references / resources, "dates": dates / resources,
            "lines": lines / resources, "postgres": rows[5][0], "common": float(rows[6][0]),
            "cores": os.cpu_count(), "reps": args.reps, "read_s": args.read_secs, "write_s": args.write_secs}


def index(cluster, args, folder, found, sample, step):
    rows = step("checks", lambda: reads.check(cluster, DATABASE, found))
    explained = step("plans", lambda: reads.explain(cluster, DATABASE, found, folder))
    statements = {shape: {layout: sets[0] for layout, sets in of.items()} for shape, of in found.items()}
    return {
        "sizes": writes.sizes(cluster, DATABASE),
        "rows": rows,
        "explained": explained,
        "searches": step("searches", lambda: reads.measure(
            cluster, DATABASE, found, explained, folder, args.reps, args.read_secs)),
        "writes": step("writes", lambda: writes.measure(
            cluster, DATABASE, folder, *sample, args.reps, args.write_secs)),
        "statements": statements,
    }


def columns(cluster, args, folder, sample, resources, step):
    # What was written again has greater numbers, and the tables take the least.
    sizes = step("columns", lambda: content.fill(cluster, DATABASE, min(100_000, resources)))
    rows = min(one["rows"] for one in sizes.values())
    runs = step("content", lambda: content.measure(
        cluster, DATABASE, folder, sample[0], rows, args.reps, args.write_secs, 1))
    return {"sizes": sizes, "runs": runs, "fidelity": content.fidelity(cluster, DATABASE)}


if __name__ == "__main__":
    main()
