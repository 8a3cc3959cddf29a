"""The searches that are measured: what is asked, and the statement for it in each layout.

T+ is what the server sends. T is what it sends where no timeline helps: it is asked the same of an encounter, a
performer or a status, and the key of the patient or code is put in the place of theirs. N is T with each part along
`token_n` or `reference_n`. A is written by hand.
"""

import random
import re

from capture import statements
from cluster import psql

# Sets of values: enough that no search is always the same one, few enough to be prepared in no time.
SETS = 16
LOINC = "http://loinc.org|"
PAGE = ("select r.no, r.type, r.id, r.version, r.updated, r.content\nfrom (\n{rows}\n) m\n"
        "cross join lateral (select * from resource r where r.no = m.no offset 0) r\norder by {order}")
DATED_PAGE = PAGE.replace("r.content", "r.content, m.s1")
# By shape: what it is called, the query for T+, and that for T where it is another, with what stands in for what.
SHAPES = {
    "identifier": ("identifier, 1 row", "Observation?identifier={identifier}", None),
    "code": ("common code, 20 in the order of `no`", "Observation?code={code}&_count=20", None),
    "patient": ("patient's Observations, 50", "Observation?patient={patient}&_count=50", None),
    "patient_code_newest": ("patient and code, newest first, 20",
                            "Observation?patient={patient}&code={code}&_sort=-date&_count=20",
                            ("Observation?encounter={encounter}&code={code}&_sort=-date&_count=20",
                             "encounter", "patient")),
    "patient_newest": ("patient, newest first, 20", "Observation?patient={patient}&_sort=-date&_count=20",
                       ("Observation?encounter={encounter}&_sort=-date&_count=20", "encounter", "patient")),
    "patient_by_date": ("patient, by date, 100", "Observation?patient={patient}&_sort=date&_count=100",
                        ("Observation?encounter={encounter}&_sort=date&_count=100", "encounter", "patient")),
    "code_week": ("code and 7 days, 20", "Observation?code={code}&date=ge{week}&date=lt{week_end}&_count=20",
                  ("Observation?status=final&date=ge{week}&date=lt{week_end}&_count=20", "status", "code")),
    "count_code": ("count of a code", "Observation?code={code}&_summary=count", None),
    "count_code_year": ("count of a code since a year", "Observation?code={code}&date=ge{year}&_summary=count",
                        ("Observation?performer={performer}&date=ge{year}&_summary=count", "performer", "code")),
}
# Their statements tell the keys of what is asked.
KEYS = {
    "patient": "Observation?patient={patient}",
    "code": "Observation?code={code}",
    "encounter": "Observation?encounter={encounter}",
    "performer": "Observation?performer={performer}",
    "status": "Observation?status=final",
    "amended": "Observation?status=amended",
}
# The planner cannot know how few rows a key of a prepared statement has. `offset 0` keeps it to the index on the keys,
# since the other way, all rows by number, has no end where the key is rare.
A_ROWS = """  select o.no from (select a.no from array_a a where a.keys @> array[$2::bigint] offset 0) o
  order by o.no limit $1"""
A_DATED = """  select o.* from (select a.no, a.date_lo as s1 from array_a a where a.keys @> {keys} offset 0) o
  order by {order} limit $1"""
A_WEEK = """  select a.no, a.date_lo as s1 from array_a a
  where a.type = 95 and a.date_lo >= $2 and a.date_lo < $3 and a.keys @> array[$4::bigint]
  order by a.date_lo, a.no limit $1"""
A_COUNT = "select count(*) from array_a a where a.keys @> array[$1::bigint]"
NEWEST, OLDEST = "{}s1 desc nulls last, {}no desc", "{}s1 nulls last, {}no"


def prepare(cluster, binary, database):
    """Returns for each shape and layout a list of `(text, values)`, and the keys of the two statuses."""
    asked = what(cluster, database)
    queries = [query.format(**one) for one in asked for query in all_queries()]
    answers = iter(statements(cluster, binary, database, queries))
    found, keys = {shape: {"N": [], "T": [], "T+": [], "A": []} for shape in SHAPES}, {}
    labels = Labels(cluster, database)
    for _ in asked:
        keys = {name: int(next(answers)[1][1]) for name in KEYS}
        for shape, (_, _, other) in SHAPES.items():
            text, values = next(answers)
            found[shape]["T+"].append((text, values))
            if other:
                text, values = next(answers)
                values = [str(keys[other[2]]) if value == str(keys[other[1]]) else value for value in values]
            found[shape]["T"].append((text, values))
            found[shape]["N"].append(narrow(text, values, labels))
            found[shape]["A"].append(arrays(shape, found[shape]["T"][-1], found[shape]["T+"][-1], keys))
    return found, keys["status"], keys["amended"]


def all_queries():
    yield from KEYS.values()
    for _, query, other in SHAPES.values():
        yield query
        if other:
            yield other[0]


def what(cluster, database):
    """Returns what the sets of queries ask for: some Observations by chance, and what they speak of."""
    chance = random.Random(1)
    rows = psql(cluster, database, f"""
        select content->'identifier'->0->>'value', content->'subject'->>'reference', content->'encounter'->>'reference',
            content->'performer'->0->>'reference', content->'code'->'coding'->0->>'code'
        from (select no from resource where type = 95 order by hashint8extended(no, 3) limit {SETS}) o
        join resource using (no) order by no""")
    asked = []
    for identifier, patient, encounter, performer, code in rows:
        year, month, day = chance.randint(2016, 2023), chance.randint(1, 12), chance.randint(1, 20)
        asked.append({
            "identifier": f"http://bench.example/id|{identifier}", "patient": patient, "encounter": encounter,
            "performer": performer, "code": LOINC + code, "week": f"{year}-{month:02}-{day:02}",
            "week_end": f"{year}-{month:02}-{day + 7:02}", "year": chance.randint(2021, 2023),
        })
    return asked


class Labels:
    """Which table of N a key is in, and under which type and parameter."""

    def __init__(self, cluster, database):
        self.ask = lambda sql: psql(cluster, database, sql)
        self.known = {}

    def of(self, key):
        if key not in self.known:
            rows = self.ask(f"select 'reference_n', type, param from ref_key where key = {key}")
            rows = rows or self.ask(f"select 'token_n', 95, hashint8({key}) & 15")
            self.known[key] = rows[0]
        return self.known[key]


def narrow(text, values, labels):
    """Returns T's statement with `term` replaced by the tables of N."""
    values = list(values)

    def of_key(match):
        alias, place = match[1], int(match[2])
        table, *label = labels.of(values[place - 1])
        values.extend(label)
        tables[alias] = table
        return f"{alias}.type = ${len(values) - 1} and {alias}.param = ${len(values)} and {alias}.hash = ${place}"

    # Probes first, each with its own alias `p`, then the walk.
    tables = {}

    def part(match):
        tables.clear()
        inner = re.sub(r"\b(\w)\.key = \$(\d+)", of_key, match[0])
        return re.sub(r"\bfrom term (\w)", lambda m: f"from {tables[m[1]]} {m[1]}", inner)

    text = re.sub(r"\(select from term p where p\.key = \$\d+", part, text)
    text = re.sub(r"\bfrom term (\w)\s+where \1\.key = \$\d+", part, text)
    if re.search(r"\bterm\b", text):
        raise SystemExit(f"error: this statement has a part that is not understood:\n{text}")
    return text, values


def arrays(shape, t, t_plus, keys):
    """Returns A's statement; its values are those of T and T+ where they ask for the same."""
    limit, patient, code = t[1][0], str(keys["patient"]), str(keys["code"])
    if shape in ("identifier", "code", "patient"):
        return PAGE.format(rows=A_ROWS, order="m.no"), [limit, t[1][1]]
    if shape == "patient_code_newest":
        return dated("array[$2::bigint, $3::bigint]", NEWEST), [limit, patient, code]
    if shape == "patient_newest":
        return dated("array[$2::bigint]", NEWEST), [limit, patient]
    if shape == "patient_by_date":
        return dated("array[$2::bigint]", OLDEST), [limit, patient]
    if shape == "count_code":
        return A_COUNT, [code]
    moments = tests_of_date(t_plus)
    if shape == "code_week":
        return DATED_PAGE.format(rows=A_WEEK, order=OLDEST.format("m.", "m.")), [limit, *moments, code]
    return A_COUNT + " and a.type = 95 and a.date_lo >= $2", [code, *moments]


def dated(keys, order):
    rows = A_DATED.format(keys=keys, order=order.format("o.", "o."))
    return DATED_PAGE.format(rows=rows, order=order.format("m.", "m."))


def tests_of_date(statement):
    """Returns the moments that a statement of T+ compares the date with: the first, and the end of a range."""
    text, values = statement
    ge = re.search(r"\(t\.lo >= \$(\d+) or", text)
    lt = re.search(r"t\.lo < \$(\d+)", text)
    return [values[int(found[1]) - 1] for found in (ge, lt) if found]
