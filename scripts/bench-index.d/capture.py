"""The statements that this server makes of searches, with their values, read from PostgreSQL's log."""

import csv
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

LISTEN = "127.0.0.1:8365"
BASE = f"http://{LISTEN}/fhir"
csv.field_size_limit(1 << 30)


def statements(cluster, binary, database, queries):
    """Returns one `(text, values)` for each query. A read of a resource that is not there marks the end of each."""
    options = "-c%20log_statement=all"
    words = [binary, "serve", "--config", "/dev/null", "--listen", LISTEN, "--auth", "off", "--mllp-listen", ""]
    words += ["--data-dir", cluster.home / "files", "--database-url", cluster.url(database, options), "--log", "warn"]
    before = cluster.log.stat().st_size
    with open(cluster.home / "files" / "serve.log", "w") as log:
        server = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log)
    try:
        wait(server)
        for at, query in enumerate(queries):
            answer(query)
            answer(f"Basic/mark-{at}", wanted=404)
    finally:
        server.terminate()
        server.wait(60)
    # The log is written by a process of its own.
    for _ in range(20):
        found = read_log(cluster, before, queries)
        if len(found) == len(queries):
            return found
        time.sleep(0.5)
    sys.exit(f"error: the log ends before {queries[len(found)]}")


def wait(server):
    for _ in range(200):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://{LISTEN}/health/ready", timeout=5).read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("error: the server did not become ready")


def answer(query, wanted=200):
    try:
        with urllib.request.urlopen(f"{BASE}/{query}", timeout=60) as reply:
            status = reply.status
            reply.read()
    except urllib.error.HTTPError as error:
        status = error.code
    if status != wanted:
        raise SystemExit(f"error: {query} was answered with {status} and not {wanted}")


def read_log(cluster, before, queries):
    found, last = [], None
    with open(cluster.log, newline="") as log:
        log.seek(before)
        for record in csv.reader(log):
            message, detail = record[13], record[14]
            text = message.partition(": ")[2] if message.startswith("execute ") else ""
            if f"'mark-{len(found)}'" in detail:
                if last is None:
                    sys.exit(f"error: no statement was seen for {queries[len(found)]}")
                found.append(last)
                last = None
            elif "resource r where r.no = m.no" in text or text.startswith("select count("):
                last = text, values(detail)
            if len(found) == len(queries):
                break
    return found


def values(detail):
    """Returns the values of `parameters: $1 = '20', $2 = '{1,2}'` in order."""
    return [value.replace("''", "'") for value in re.findall(r"\$\d+ = '((?:[^']|'')*)'", detail)]
