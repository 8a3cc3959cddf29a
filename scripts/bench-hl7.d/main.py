"""What HL7 v2 feeds cost: messages a second over MLLP, and what memory the server takes over many of them.

See scripts/bench. The server is our release build with its private PostgreSQL on this machine, on a fresh database; each message
is acknowledged once it is stored for good. Results: a Markdown table, and JSON.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import messages
from sender import Crowd

HTTP, MLLP = "127.0.0.1:8302", "127.0.0.1:8303"
PATIENTS = 2000
CONNECTIONS = (1, 8)
# What is resident may grow by so much of itself between a tenth of the messages and all of them.
GROWTH_MAX = 0.15


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench hl7")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--secs", type=float, default=float(os.environ.get("BENCH_SECS", "10")))
    parser.add_argument("--reps", type=int, default=int(os.environ.get("BENCH_REPS", "3")))
    parser.add_argument("--messages", type=int, default=100_000, help="how many the memory is watched over; 0 for none")
    return parser.parse_args()


def main():
    args = arguments()
    folder = args.out.parent / "data-hl7"
    shutil.rmtree(folder, ignore_errors=True)
    server = serve(args.binary, folder, args.out.parent / "medilink-hl7.log")
    try:
        register(args.binary, folder)
        rates = [rate(args, name, make, count) for name, make in (("ADT", adt), ("ORU", oru)) for count in CONNECTIONS]
        memory = endure(args, server.pid) if args.messages else None
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
    args.out.write_text(json.dumps({"rates": rates, "memory": memory}, indent=1))
    print(table(rates, memory))
    if memory and memory["growth"] > GROWTH_MAX:
        sys.exit(f"error: memory has grown by {memory['growth']:.0%}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def settings(folder):
    return ["--config", "/dev/null", "--data-dir", str(folder), "--listen", HTTP, "--mllp-listen", MLLP, "--auth", "off"]


def serve(binary, folder, log):
    server = subprocess.Popen([binary, "serve", *settings(folder)], stdout=open(log, "w"), stderr=subprocess.STDOUT)
    for _ in range(900):
        try:
            urllib.request.urlopen(f"http://{HTTP}/health/ready", timeout=1)
            return server
        except OSError:
            time.sleep(0.1)
    server.terminate()
    sys.exit(f"error: the server was not ready in time, see {log}")


def register(binary, folder):
    """Lets anybody send: the generator names itself as it likes."""
    subprocess.run([binary, "feed", "add", "--id", "bench", *settings(folder)], check=True, stdout=sys.stderr)


def adt(run):
    # The messages of a visit keep their order: they go over one connection.
    def share(place, count):
        stays = itertools.count(place, count)
        return (messages.adt(3 * stay + step, PATIENTS, run) for stay in stays for step in range(3))
    return share


def oru(run):
    return lambda place, count: (messages.oru(number, PATIENTS, run) for number in itertools.count(place, count))


def rate(args, name, make, count):
    """Returns the median of messages a second, and how long a message takes."""
    found, times = [], []
    for rep in range(args.reps + 1):
        crowd = Crowd(MLLP, count, make(f"{name}{count}.{rep}"))
        took = crowd.run(args.secs if rep else min(args.secs, 3))
        # The first is to warm up.
        if rep:
            found.append(sum(crowd.sent) / took)
            times.extend(itertools.chain.from_iterable(crowd.times))
    times.sort()
    row = {"messages": name, "connections": count, "per_second": statistics.median(found),
           "median_ms": 1000 * times[len(times) // 2], "p99_ms": 1000 * times[len(times) * 99 // 100]}
    say(f"{name} on {count}: {row['per_second']:.0f} a second, p99 {row['p99_ms']:.1f} ms")
    return row


def endure(args, pid):
    """Sends many messages and returns what was resident meanwhile, in MB."""
    samples, last = [], [0.0]

    def watch(sent):
        if time.monotonic() - last[0] > 1:
            last[0] = time.monotonic()
            samples.append((sent, resident(pid)))

    each = args.messages // 8
    both = [adt("M"), oru("M2")]
    shares = lambda place, count: itertools.islice(
        itertools.chain.from_iterable(zip(*(make(place, count) for make in both))), each)
    crowd = Crowd(MLLP, 8, shares)
    took = crowd.run(watch=watch)
    sent = sum(crowd.sent)
    samples.append((sent, resident(pid)))
    early = [mb for at, mb in samples if sent * 0.1 <= at < sent * 0.2] or [samples[0][1]]
    late = [mb for at, mb in samples if at >= sent * 0.9]
    begin, end = statistics.mean(early), statistics.mean(late)
    say(f"{sent} messages in {took:.0f} s; {begin:.0f} MB became {end:.0f} MB")
    step = max(1, len(samples) // 50)
    return {"messages": sent, "per_second": sent / took, "early_mb": begin, "late_mb": end,
            "max_mb": max(mb for _, mb in samples), "growth": end / begin - 1, "samples": samples[::step]}


def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def table(rates, memory):
    rows = ["| messages | connections | a second | median ms | p99 ms |", "|---|--:|--:|--:|--:|"]
    rows += [f"| {row['messages']} | {row['connections']} | {row['per_second']:.0f} | {row['median_ms']:.1f} | {row['p99_ms']:.1f} |"
             for row in rates]
    if memory:
        rows += ["", f"{memory['messages']} messages on 8 connections, {memory['per_second']:.0f} a second: resident "
                     f"{memory['early_mb']:.0f} MB after a tenth of them, {memory['late_mb']:.0f} MB at their end, "
                     f"{memory['max_mb']:.0f} MB at most."]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
