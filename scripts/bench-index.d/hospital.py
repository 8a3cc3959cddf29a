"""The hospital that is measured on: generated, and loaded by the server's own `load` into the database `loaded`."""

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cluster import psql

GENERATOR = Path(__file__).resolve().parents[2] / ".." / "shared" / "bench" / "gen_data.py"
# Two halves, made side by side: the same data whatever the number of processors.
PARTS = [("a", 4242), ("b", 777)]
SHARED = re.compile(r"@([\w-]+)@")


def ensure(cluster, binary, patients, reuse):
    """Returns what loading took; empty where the database of an earlier run is used."""
    there = psql(cluster, "postgres", """
        select shobj_description(oid, 'pg_database') from pg_database where datname = 'loaded'""")
    if reuse:
        if there != [[str(patients)]]:
            raise SystemExit(f"error: no hospital of {patients} patients is loaded; leave out --reuse to load one")
        return {}
    psql(cluster, "postgres", "drop database if exists loaded with (force);\ncreate database loaded;")
    folder = cluster.home / "hospital"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.time()
    generate(folder, patients)
    generated = time.time()
    load(cluster, binary, [folder / part / "org.json" for part, _ in PARTS])
    keys = dict(psql(cluster, "loaded", "select content->'identifier'->0->>'value', id from resource"))
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda part: point_to_shared(folder / part[0], keys), PARTS))
    pointed = time.time()
    said = load(cluster, binary, [folder / part / "bundles" for part, _ in PARTS])
    loaded = time.time()
    # What every query must find.
    for part, _ in PARTS:
        shutil.move(folder / part / "index.json", cluster.home / f"facts-{part}.json")
    shutil.rmtree(folder)
    psql(cluster, "postgres", f"comment on database loaded is '{int(patients)}'")
    return {"generate_s": generated - began, "point_s": pointed - generated, "load_s": loaded - pointed, "said": said}


def generate(folder, patients):
    halves = [patients - patients // 2, patients // 2]
    running = []
    for (part, seed), count in zip(PARTS, halves):
        words = [sys.executable, str(GENERATOR), str(folder / part), str(count), str(seed), part]
        running.append(subprocess.Popen(words, stdout=subprocess.DEVNULL))
    if any(process.wait() != 0 for process in running):
        raise SystemExit("error: the generator failed")


def point_to_shared(folder, keys):
    """Writes the server's ids where the bundles say only what they mean."""
    # A process of its own: Python runs one thread at a time.
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for path in (folder / "bundles").iterdir():
                path.write_text(SHARED.sub(lambda match: keys[match[1]], path.read_text()))
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("error: the bundles could not be pointed to what they share")


def load(cluster, binary, paths):
    """Loads the files and returns the last line that the server said."""
    words = [binary, "load", "--config", "/dev/null", "--data-dir", cluster.home / "files", "--log", "warn"]
    words += ["--database-url", cluster.url("loaded"), *paths]
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"error: loading failed: {done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else ""
