"""The run: a loaded hospital of a million resources, a server, and every shape of query: see scripts/bench."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench-index.d"))
import cluster as pg  # noqa: E402
import hospital  # noqa: E402
import queries  # noqa: E402

LISTEN = "127.0.0.1:8302"
CLIENTS = (1, 16)
# What a patient-scoped query may take inside the server with 16 clients: half of them, and 99 of 100.
PATIENT_MS = (1, 5)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench search")
    parser.add_argument("--patients", type=int, default=3500, help="3,500 are a million resources")
    parser.add_argument("--reuse", action="store_true", help="take the hospital that is loaded already")
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    parser.add_argument("--secs", type=float, default=3)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--loader", required=True, help="the load generator of the harness")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main():
    args = arguments()
    home = Path(os.environ["BENCH_WORK"]) / "search"
    cluster = pg.start(home)
    (home / "files").mkdir(exist_ok=True)
    server = None
    try:
        loading = hospital.ensure(cluster, args.binary, args.patients, args.reuse)
        say(loading.get("said", "taking what is loaded"))
        pg.psql(cluster, "loaded", "create extension if not exists pg_stat_statements;\nvacuum analyze;")
        patients = dict(pg.psql(cluster, "loaded", """
            select content->'identifier'->0->>'value', id from resource
            where type = (select number from resource_type where name = 'Patient')"""))
        facts = queries.Facts([home / f"facts-{part}.json" for part, _ in hospital.PARTS], patients)
        server = serve(args.binary, cluster, home)
        rows = []
        for name, asked in queries.shapes(facts):
            if args.only in name and asked:
                rows.append(measure(cluster, args, home, name, asked))
                say(line(rows[-1]))
        result = {"resources": facts.resources, "loading": loading, "shapes": rows}
    finally:
        if server:
            server.terminate()
            server.wait()
        pg.stop(cluster)
    args.out.write_text(json.dumps(result, indent=1))
    print(table(result))
    wrong = [row["name"] for row in rows if row["wrong"]]
    if wrong:
        sys.exit(f"error: wrong answers: {', '.join(wrong)}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def serve(binary, cluster, home):
    words = [binary, "serve", "--config", "/dev/null", "--listen", LISTEN, "--database-url", cluster.url("loaded")]
    words += ["--data-dir", str(home / "files"), "--mllp-listen", "", "--auth", "off"]
    words += ["--base-url", f"http://{LISTEN}/fhir"]
    server = subprocess.Popen(words, stdout=open(home / "server.log", "w"), stderr=subprocess.STDOUT)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://{LISTEN}/health/ready", timeout=1)
            return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"error: the server did not come up: see {home / 'server.log'}")


def measure(cluster, args, home, name, asked):
    work = home / "work.jsonl"
    with open(work, "w") as file:
        for query in asked:
            request = {"m": "GET", "p": "/fhir/" + query["p"], "s": [200]}
            if query["n"] < 10**6:
                request.update({key: query[key] for key in ("n", "inc", "total") if key in query})
            file.write(json.dumps(request) + "\n")
    row = {"name": name, "queries": len(asked), "wrong": 0}
    for clients in CLIENTS:
        pg.psql(cluster, "loaded", "select pg_stat_statements_reset();")
        before = answered()
        words = [args.loader, "run", "--addr", LISTEN, "--work", str(work), "--conns", str(clients)]
        words += ["--secs", str(args.secs), "--warmup", "0.5", "--check-every", "1", "--timeout", "120"]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"error: {name}: {done.stderr[-500:]}")
        said = json.loads(done.stdout)
        row["wrong"] += said.get("err", 0) + said.get("check_fail", 0)
        row["why"] = said.get("first_err") or said.get("first_fail")
        row[f"at_{clients}"] = {key: said[key] for key in ("rps", "p50", "p99")}
        row[f"at_{clients}"]["inside"] = inside(before, answered())
        [[rows, buffers, calls]] = pg.psql(cluster, "loaded", """
            select coalesce(sum(rows), 0), coalesce(sum(shared_blks_hit + shared_blks_read), 0), coalesce(max(calls), 1)
            from pg_stat_statements
            where (query like 'select%' or query like 'with%') and query not like '%pg_stat%'""")
        row["rows"], row["buffers"] = int(rows) / int(calls), int(buffers) / int(calls)
    return row


BUCKET = re.compile(r'medilink_http_request_seconds_bucket\{[^}]*interaction="search[^}]*le="([^"]+)"\} (\d+)')


def answered():
    """Returns how many searches the server has answered within each time, in seconds."""
    text = urllib.request.urlopen(f"http://{LISTEN}/metrics", timeout=10).read().decode()
    counts = {}
    for limit, number in BUCKET.findall(text):
        counts[float(limit)] = counts.get(float(limit), 0) + int(number)
    return counts


def inside(before, after):
    """Returns within how many milliseconds half and 99 of 100 answers were made: upper bounds of the server's own times."""
    counts = {limit: after[limit] - before.get(limit, 0) for limit in sorted(after)}
    total = counts.get(float("inf"), 0)

    def within(share):
        return next((limit * 1000 for limit, number in counts.items() if total and number >= share * total), None)

    return {"p50": within(0.5), "p99": within(0.99)}


def line(row):
    one, many = row["at_1"], row["at_16"]
    wrong = f" WRONG {row['wrong']}: {row['why']}" if row["wrong"] else ""
    return (f"{row['name']:40} rows {row['rows']:7.1f}  buffers {row['buffers']:8.0f}  "
            f"1: p50 {one['p50']} p99 {one['p99']}  16: {many['rps']}/s p50 {many['p50']} p99 {many['p99']} "
            f"inside {many['inside']['p50']}/{many['inside']['p99']}{wrong}")


def table(result):
    said = [f"{result['resources']:,} resources; milliseconds; rows and buffers (8 kB pages) are per request", "",
            "| shape | rows | buffers | 1 client: p50 | p99 | 16 clients: /s | p50 | p99 | inside: p50 ≤ | p99 ≤ |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for row in result["shapes"]:
        one, many = row["at_1"], row["at_16"]
        cells = [row["name"], f"{row['rows']:.0f}", f"{row['buffers']:,.0f}", one["p50"], one["p99"],
                 f"{many['rps']:,.0f}", many["p50"], many["p99"], many["inside"]["p50"], many["inside"]["p99"]]
        said.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    patient = [row for row in result["shapes"] if row["name"].startswith("patient, code, newest")]
    for row in patient:
        times = row["at_16"]["inside"]
        kept = all(time is not None and time <= limit for time, limit in zip(times.values(), PATIENT_MS))
        said += ["", f"Patient-scoped with 16 clients: half within {times['p50']} ms, 99 of 100 within {times['p99']} ms; "
                 f"wanted {PATIENT_MS[0]} and {PATIENT_MS[1]}: {'kept' if kept else 'MISSED'}."]
    return "\n".join(said)


if __name__ == "__main__":
    main()
