"""A private PostgreSQL with the settings that every benchmark here has, and the programs that speak to it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BIN = Path(os.environ["PG_BIN"])
PORT = 5565
# The settings of the load harness, and a log that a program can read.
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{run}'
shared_buffers = 512MB
effective_cache_size = 8GB
work_mem = 16MB
maintenance_work_mem = 256MB
max_connections = 200
max_wal_size = 4GB
random_page_cost = 1.1
jit = off
fsync = on
synchronous_commit = on
shared_preload_libraries = 'pg_stat_statements'
logging_collector = on
log_destination = 'csvlog'
log_directory = '{log}'
log_filename = 'server.log'
"""
# What the server asks of its own connections, those that read and those that write.
READS = "-c plan_cache_mode=force_generic_plan"
WRITES = READS + " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"


@dataclass
class Cluster:
    """Where a cluster lives. Its folders belong to the lesser user that PostgreSQL wants to run as."""

    home: Path

    @property
    def run(self):
        return self.home / "run"

    @property
    def log(self):
        return self.home / "log" / "server.csv"

    def url(self, database, options=""):
        return f"postgres://postgres@127.0.0.1:{PORT}/{database}" + (f"?options={options}" if options else "")


def start(home):
    """Starts the cluster under `home`, making it where it is not yet."""
    cluster = Cluster(home)
    data = home / "data"
    for folder in (home, cluster.run, cluster.log.parent):
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
    if not data.exists():
        server(["initdb", "-D", data, "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8", "--auth=trust"])
        with open(data / "postgresql.conf", "a") as conf:
            conf.write(SETTINGS.format(port=PORT, run=cluster.run, log=cluster.log.parent))
    if server(["pg_ctl", "-D", data, "status"], check=False) != 0:
        server(["pg_ctl", "-D", data, "-l", cluster.log.parent / "start", "-w", "-t", "300", "start"])
    return cluster


def stop(cluster):
    server(["pg_ctl", "-D", cluster.home / "data", "-m", "fast", "-w", "stop"])


def server(command, check=True):
    """Runs a server program, as the user postgres where we are root, and returns its exit code."""
    lesser = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    words = lesser + [str(BIN / command[0])] + [str(word) for word in command[1:]]
    return subprocess.run(words, stdout=subprocess.DEVNULL, check=check, cwd="/").returncode


def environment(options):
    return {**os.environ, "PGOPTIONS": options, "PGHOST": "", "PGTZ": "UTC"}


def psql(cluster, database, sql, options="", variables=None):
    """Runs statements and returns the rows of the answers as lists of text."""
    words = [str(BIN / "psql"), "-XqAt", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h", str(cluster.run), "-p", str(PORT)]
    for name, value in (variables or {}).items():
        words += ["-v", f"{name}={value}"]
    words += ["-U", "postgres", "-d", database, "-f", "-"]
    done = subprocess.run(words, input=sql, text=True, capture_output=True, env=environment(options))
    if done.returncode != 0:
        raise SystemExit(f"error: a statement failed: {done.stderr.strip()}\n{sql[:2000]}")
    return [line.split("\x1f") for line in done.stdout.splitlines()]


def pgbench(cluster, database, scripts, clients, length, options, variables=None):
    """Runs the scripts in turn by chance, each prepared once a client; returns transactions a second and mean ms.

    The length is `("-T", seconds)` or `("-t", transactions of each client)`.
    """
    words = [str(BIN / "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients))]
    words += [length[0], str(length[1]), "-h", str(cluster.run), "-p", str(PORT), "-U", "postgres"]
    for name, value in (variables or {}).items():
        words += ["-D", f"{name}={value}"]
    for script in scripts:
        words += ["-f", str(script)]
    done = subprocess.run(words + [database], text=True, capture_output=True, env=environment(options))
    rate = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
    delay = re.search(r"^latency average = ([0-9.]+)", done.stdout, re.M)
    count = re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M)
    # A client that fails ends its own run alone.
    failed = "aborted" in done.stderr or "ERROR" in done.stderr
    if done.returncode != 0 or failed or not rate:
        raise SystemExit(f"error: pgbench failed on {scripts[0]}: {done.stderr.strip()[-2000:]}")
    return {"tps": float(rate[1]), "ms": float(delay[1]), "transactions": int(count[1])}
