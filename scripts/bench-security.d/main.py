"""What security costs: one database, two servers of the same build, one with `auth=off`, one with tokens, consents and audit.

See scripts/bench. Both are asked the same questions, in turns, by the harness's load generator, which checks the answers.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

OPEN, SECURED = "127.0.0.1:8300", "127.0.0.1:8301"
WORKLOADS = ("read", "s_ref", "s_tok_ref_sort", "s_ident", "everything")
# How much slower an authorized request may be.
ALLOWED = {"read": 30, "s_ref": 40, "s_tok_ref_sort": 40}
PEOPLE = {
    # A system that keeps the record passes consents by; its token and the audit are what it costs.
    "system": ["--scope", "system/*.rs"],
    # A physician who cares for every patient, each of whom has said something.
    "physician": ["--scope", "user/*.rs", "--subject", "Practitioner/bench-doctor", "--role", "physician"],
}


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench security")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--servers", required=True, help="the harness's description of the server")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--secs", type=float, default=float(os.environ.get("BENCH_SECS", "1.5")))
    parser.add_argument("--reps", type=int, default=int(os.environ.get("BENCH_REPS", "5")))
    return parser.parse_args()


def main():
    args = arguments()
    work = Path(os.environ["BENCH_WORK"])
    loader = args.harness / "fhirload/target/release/fhirload"
    subprocess.run(
        [sys.executable, args.harness / "bench.py", "medilink", "--config", args.servers, "--phases", "start,load,read",
         "--only", ",".join(WORKLOADS), "--secs", "0.3", "--reps", "1", "--conc", "1", "--keep",
         "--out", str(args.out.with_suffix(".jsonl")), "--data", str(work / "data/base")],
        check=True, stdout=sys.stderr)
    run = work / "data/run-medilink"
    patients = sorted(name for name in json.load(open(run / "idmap.json")).values() if name.startswith("Patient/"))
    say(f"{len(patients)} patients say what they allow: {consents(patients)} Consents")
    server = serve(args.binary, args.out.parent)
    rows = []
    try:
        tokens = {who: token(args.binary, words, args.out.parent) for who, words in PEOPLE.items()}
        for name in WORKLOADS:
            for clients in (1, 16):
                rows.append(measure(args, loader, run / f"w-{name}.jsonl", name, clients, tokens))
                say(line(rows[-1]))
    finally:
        server.terminate()
        server.wait()
    args.out.write_text(json.dumps(rows, indent=1))
    print(table(rows))
    over = [f"{row['name']} {row['clients']} {who}" for row in rows for who in PEOPLE if over_limit(row, who)]
    if over:
        say(f"slower than wanted: {', '.join(over)}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def settings(out):
    return ["--config", "/dev/null", "--data-dir", str(out / "data-secured"), "--listen", SECURED,
            "--base-url", f"http://{SECURED}/fhir", "--database-url", "postgres://postgres@127.0.0.1:5544/medilink",
            "--consent-default", "treatment"]


def serve(binary, out):
    words = [binary, "serve", *settings(out), "--mllp-listen", ""]
    server = subprocess.Popen(words, stdout=open(out / "medilink-secured.log", "w"), stderr=subprocess.STDOUT)
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://{SECURED}/health/ready", timeout=1)
            return server
        except OSError:
            time.sleep(0.1)
    server.terminate()
    sys.exit("error: the secured server was not ready in time")


def token(binary, words, out):
    signed = subprocess.run([binary, "token", *words, "--ttl", "1d", *settings(out)], check=True, capture_output=True, text=True)
    return signed.stdout.strip()


def consents(patients):
    """Lets every patient be cared for by one physician and say something about their record; returns how many Consents."""
    put("Practitioner", {"resourceType": "Practitioner", "id": "bench-doctor", "name": [{"family": "Bench"}]})
    entries = []
    for number, patient in enumerate(patients):
        entries.append({"resourceType": "CareTeam", "id": f"bench-{number}", "status": "active",
                        "subject": {"reference": patient},
                        "participant": [{"member": {"reference": "Practitioner/bench-doctor"}}]})
        inner = [{"type": "deny", "securityLabel": [coding("v3-Confidentiality", "R")]}]
        if number % 3 == 0:
            inner.append({"type": "deny", "actor": [{"role": {"coding": [coding("v3-ParticipationType", "PRCP")]},
                                                     "reference": {"reference": "Practitioner/bench-other"}}]})
        if number % 5 == 0:
            inner.append({"type": "deny", "purpose": [coding("v3-ActReason", "HRESCH")]})
        entries.append({"resourceType": "Consent", "id": f"bench-{number}", "status": "active",
                        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope",
                                              "code": "patient-privacy"}]},
                        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
                        "patient": {"reference": patient}, "dateTime": "2026-01-01",
                        "policyRule": {"coding": [coding("v3-ActCode", "OPTIN")]},
                        "provision": {"type": "permit", "provision": inner}})
    for start in range(0, len(entries), 100):
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": it, "request": {"method": "PUT", "url": f"{it['resourceType']}/{it['id']}"}}
            for it in entries[start:start + 100]]}
        send("POST", "", bundle)
    return len(patients)


def coding(system, code):
    return {"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}


def put(kind, resource):
    send("PUT", f"/{kind}/{resource['id']}", resource)


def send(method, path, body):
    request = urllib.request.Request(f"http://{OPEN}/fhir{path}", json.dumps(body).encode(), method=method,
                                     headers={"Content-Type": "application/fhir+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def measure(args, loader, work, name, clients, tokens):
    """Returns the medians of requests a second, of all in turns."""
    asked = {"off": (OPEN, None)} | {who: (SECURED, signed) for who, signed in tokens.items()}
    found = {who: [] for who in asked}
    for _ in range(args.reps):
        for who, (address, signed) in asked.items():
            words = [loader, "run", "--addr", address, "--work", work, "--conns", clients, "--secs", args.secs, "--warmup", 0.3]
            words += ["--hdr", f"Authorization: Bearer {signed}"] if signed else []
            ran = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
            result = json.loads(ran.stdout)
            if result["err"]:
                sys.exit(f"error: {name} by {who}: {result['err']} wrong answers, such as {result.get('first_err')}")
            found[who].append(result)
    medians = {who: {key: statistics.median(run[key] for run in runs) for key in ("rps", "p50", "p99")}
               for who, runs in found.items()}
    slower = {who: 100 * (1 - medians[who]["rps"] / medians["off"]["rps"]) for who in tokens}
    return {"name": name, "clients": clients, "medians": medians, "slower": slower}


def over_limit(row, who):
    return row["slower"][who] > ALLOWED.get(row["name"], 100)


def line(row):
    parts = [f"{who} {row['medians'][who]['rps']:,.0f}/s (-{row['slower'][who]:.0f} %)" for who in PEOPLE]
    return f"{row['name']} {row['clients']}: off {row['medians']['off']['rps']:,.0f}/s, {', '.join(parts)}"


def table(rows):
    lines = ["| workload | clients | auth=off, a second | system | slower | physician under consents | slower | allowed |",
             "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        cells = [row["name"], str(row["clients"]), f"{row['medians']['off']['rps']:,.0f}"]
        for who in PEOPLE:
            cells += [f"{row['medians'][who]['rps']:,.0f}", f"{row['slower'][who]:.0f} %"]
        cells.append(f"{ALLOWED[row['name']]} %" if row["name"] in ALLOWED else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
