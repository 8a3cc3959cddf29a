"""The shapes of queries that are measured, and what each must find by the facts of the generated hospital."""

import bisect
import datetime
import json
import random
from urllib.parse import quote

LOINC = "http://loinc.org|"
MRN = "http://bench.example/mrn|"
# Queries of one shape.
EACH = 200


class Facts:
    def __init__(self, paths, ids):
        rows = [row for path in paths for row in json.load(open(path))]
        self.patients = [row for row in rows if row["t"] == "Patient"]
        self.observations = [row for row in rows if row["t"] == "Observation"]
        self.id_of = ids
        self.rows_of, self.by_code, self.observations_of = {}, {}, {}
        for row in rows:
            if "p" in row:
                self.rows_of.setdefault(row["p"], {}).setdefault(row["t"], []).append(row)
        for row in self.observations:
            self.by_code.setdefault(row["code"], []).append(row)
            self.observations_of.setdefault(row["p"], []).append(row)
        self.codes = sorted(self.by_code)
        self.days = sorted(row["date"] for row in self.observations)
        self.days_of = {code: sorted(row["date"] for row in found) for code, found in self.by_code.items()}
        self.resources = len(rows)

    def since(self, day, code=None):
        days = self.days_of[code] if code else self.days
        return len(days) - bisect.bisect_left(days, day)


def q(text):
    return quote(text, safe="")


def page(path, total, size=20):
    """A query that finds `total` resources, of which a page has `size`."""
    return {"p": f"{path}&_count={size}", "n": min(total, size)}


def exact(path, total, size=20):
    return {"p": f"{path}&_total=accurate&_count={size}", "n": min(total, size), "total": total}


def count(path, total):
    return {"p": f"{path}&_summary=count", "n": 0, "total": total}


def shapes(facts):
    """Yields name and queries of every shape."""
    draw = random.Random(7)
    patients = [draw.choice(facts.patients) for _ in range(EACH)]
    for name, make in {**OF_A_PATIENT, **OF_A_CODE, **OF_PATIENTS, **OF_DATES, **JOINS}.items():
        yield name, [query for patient in patients for query in [make(facts, patient, draw)] if query]
    common = sorted(facts.codes, key=lambda code: -len(facts.by_code[code]))
    need, codes = 100_000, []
    while codes != common and sum(len(facts.by_code[code]) for code in codes) < need:
        codes = common[: len(codes) + 1]
    many = sum(len(facts.by_code[code]) for code in codes)
    yield "count of 100,000 by codes", [count(f"Observation?code={','.join(q(LOINC + code) for code in codes)}", many)]
    yield "count of a whole type", [count("Observation?code:missing=false", len(facts.observations))]


def subject(facts, patient):
    return f"Patient/{facts.id_of[patient['k']]}"


def latest(facts, patient, draw):
    mine = facts.observations_of[patient["k"]]
    code = draw.choice(mine)["code"]
    total = sum(1 for row in mine if row["code"] == code)
    return page(f"Observation?patient={subject(facts, patient)}&code={q(LOINC + code)}&_sort=-date", total, 10)


def above(facts, patient, draw):
    row = draw.choice(facts.observations_of[patient["k"]])
    same = [other for other in facts.observations_of[patient["k"]] if other["code"] == row["code"]]
    return same, row


def composite(facts, patient, draw):
    same, row = above(facts, patient, draw)
    total = sum(1 for other in same if other["val"] > row["val"])
    value = q(f"{LOINC}{row['code']}$gt{row['val']}")
    return page(f"Observation?patient={subject(facts, patient)}&code-value-quantity={value}", total)


def value(facts, patient, draw):
    same, row = above(facts, patient, draw)
    total = sum(1 for other in same if other["val"] > row["val"])
    asked = f"code={q(LOINC + row['code'])}&value-quantity=gt{row['val']}"
    return page(f"Observation?patient={subject(facts, patient)}&{asked}", total)


def everything_of(t):
    def make(facts, patient, _):
        return page(f"{t}?patient={subject(facts, patient)}", len(facts.rows_of[patient["k"]].get(t, [])), 50)
    return make


def in_compartment(facts, patient, _):
    mine = facts.observations_of[patient["k"]]
    return page(f"{subject(facts, patient)}/Observation?status:missing=false", len(mine), 50)


def since_of_patient(facts, patient, draw):
    year = draw.randint(2015, 2024)
    total = sum(1 for row in facts.observations_of[patient["k"]] if row["date"] >= f"{year}-01-01")
    return page(f"Observation?patient={subject(facts, patient)}&date=ge{year}-01-01&_sort=-date", total)


OF_A_PATIENT = {
    "patient, code, newest first": latest,
    "patient": everything_of("Observation"),
    "patient's encounters": everything_of("Encounter"),
    "patient since a year, newest first": since_of_patient,
    "patient, code, value above": value,
    "patient, code$value (composite)": composite,
    "compartment": in_compartment,
}


def by_code(facts, _, draw):
    code = draw.choice(facts.codes)
    return page(f"Observation?code={q(LOINC + code)}", len(facts.by_code[code]))


def by_two_codes(facts, _, draw):
    one, two = draw.sample(facts.codes, 2)
    total = len(facts.by_code[one]) + len(facts.by_code[two])
    return page(f"Observation?code={q(LOINC + one)},{q(LOINC + two)}", total)


def count_of_code(facts, _, draw):
    code = draw.choice(facts.codes)
    return count(f"Observation?code={q(LOINC + code)}", len(facts.by_code[code]))


def code_since(facts, _, draw):
    code, year = draw.choice(facts.codes), draw.randint(2015, 2024)
    day = f"{year}-01-01"
    return exact(f"Observation?code={q(LOINC + code)}&date=ge{day}", facts.since(day, code), 10)


def newest_of_code(facts, _, draw):
    code = draw.choice(facts.codes)
    return page(f"Observation?code={q(LOINC + code)}&_sort=-date", len(facts.by_code[code]))


def not_code(facts, _, draw):
    code = draw.choice(facts.codes)
    return page(f"Observation?code:not={q(LOINC + code)}", len(facts.observations) - len(facts.by_code[code]))


def code_and_value(facts, _, draw):
    row = draw.choice(facts.observations)
    total = sum(1 for other in facts.by_code[row["code"]] if other["val"] > row["val"])
    return page(f"Observation?code={q(LOINC + row['code'])}&value-quantity=gt{row['val']}", total)


OF_A_CODE = {
    "code": by_code,
    "two codes": by_two_codes,
    "code, exact count": count_of_code,
    "code since a year, exact total": code_since,
    "code, newest first": newest_of_code,
    "not a code": not_code,
    "code, value above": code_and_value,
}


def ident(facts, patient, _):
    return page(f"Patient?identifier={q(MRN + patient['mrn'])}", 1)


def begins(patient, text):
    return any(part.lower().startswith(text) for part in [patient["family"], *patient["given"]])


def name(facts, patient, _):
    text = patient["family"].lower()
    return page(f"Patient?name={text}", sum(1 for other in facts.patients if begins(other, text)))


def contains(facts, patient, _):
    text = patient["family"].lower()[1:5]
    return page(f"Patient?family:contains={text}", sum(1 for other in facts.patients if text in other["family"].lower()))


def born(facts, patient, _):
    year = patient["birth"][:4]
    total = sum(1 for p in facts.patients if p["birth"] < year and p["gender"] == patient["gender"])
    return page(f"Patient?gender={patient['gender']}&birthdate=lt{year}", total)


def by_family(facts, _, draw):
    return page(f"Patient?gender={draw.choice(['male', 'female'])}&_sort=family,-birthdate", 10**6)


OF_PATIENTS = {
    "identifier": ident,
    "name": name,
    "family contains": contains,
    "gender, born before": born,
    "gender, by family and birth": by_family,
}


def week(facts, _, draw):
    first = datetime.date(2015, 2, 1) + datetime.timedelta(days=draw.randint(0, 3500))
    last = first + datetime.timedelta(days=7)
    total = facts.since(first.isoformat()) - facts.since(last.isoformat())
    return page(f"Observation?date=ge{first}&date=lt{last}", total, 50)


def since(facts, _, draw):
    day = f"{draw.randint(2015, 2024)}-{draw.randint(1, 12):02}-01"
    return page(f"Observation?date=ge{day}", facts.since(day))


def newest(facts, _, draw):
    return page(f"Observation?status={draw.choice(['final', 'amended'])}&_sort=-date", 10**6)


def changed(facts, _, draw):
    return page(f"Observation?_lastUpdated=ge{draw.randint(2000, 2020)}-01-01&_sort=-_lastUpdated", 10**6)


OF_DATES = {
    "a week": week,
    "since a month": since,
    "status, newest first": newest,
    "latest changes": changed,
}


def by_name_of_patient(facts, patient, draw):
    text, code = patient["family"].lower(), draw.choice(facts.codes)
    named = [other["k"] for other in facts.patients if begins(other, text)]
    total = sum(1 for key in named for row in facts.observations_of[key] if row["code"] == code)
    return page(f"Observation?subject:Patient.name={text}&code={q(LOINC + code)}", total)


def by_ident_of_patient(facts, patient, _):
    total = len(facts.observations_of[patient["k"]])
    return page(f"Observation?patient.identifier={q(MRN + patient['mrn'])}", total)


def by_two_hops(facts, patient, _):
    total = len(facts.observations_of[patient["k"]])
    return page(f"Observation?encounter.subject:Patient.identifier={q(MRN + patient['mrn'])}", total)


def by_gender_of_patient(facts, patient, draw):
    code = draw.choice(facts.codes)
    return page(f"Observation?code={q(LOINC + code)}&patient.gender={patient['gender']}", 10**6)


def has_result(facts, patient, draw):
    row = draw.choice(facts.observations_of[patient["k"]])
    asked = f"_has:Observation:patient:code={q(LOINC + row['code'])}"
    return page(f"Patient?{asked}&identifier={q(MRN + patient['mrn'])}", 1)


def has_recent(facts, _, draw):
    day = f"2024-12-{draw.randint(10, 28)}"
    total = len({row["p"] for row in facts.observations if row["date"] >= day})
    return page(f"Patient?_has:Observation:patient:date=ge{day}", total)


def include(facts, patient, _):
    mine = facts.rows_of[patient["k"]].get("MedicationRequest", [])
    path = f"MedicationRequest?patient={subject(facts, patient)}&_include=MedicationRequest:encounter"
    return {**page(path, len(mine), 50), "inc": len({row["e"] for row in mine})} if 0 < len(mine) <= 50 else None


def revinclude(facts, patient, _):
    conditions = facts.rows_of[patient["k"]].get("Condition", [])
    path = f"Patient?_id={facts.id_of[patient['k']]}&_revinclude=Condition:subject"
    return {**page(path, 1), "inc": len(conditions)}


JOINS = {
    "patient's name, code (chain)": by_name_of_patient,
    "patient's identifier (chain)": by_ident_of_patient,
    "encounter's patient's identifier": by_two_hops,
    "code, patient's gender (chain)": by_gender_of_patient,
    "patient with a result (_has)": has_result,
    "patients with recent results (_has)": has_recent,
    "_include": include,
    "_revinclude": revinclude,
}
