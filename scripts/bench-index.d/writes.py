"""Writes in every layout: the same real resources again under fresh numbers, alone and 300 together, and changes."""

from cluster import WRITES, pgbench, psql

BATCH = 300
LAYOUTS = ["N", "T", "T+", "A"]
# The columns of `resource` that a copy does not take over.
FRESH = {"no": "no", "id": "md5(no::text)::uuid::text", "content": "content::json"}

TOKENS = """token_rows as (insert into token_n select s.type, u.param, u.key, s.no
    from s, unnest(s.token_params, s.tokens) u (param, key)),
reference_rows as (insert into reference_n select s.type, u.param, u.key, s.no
    from s, unnest(s.ref_params, s.refs) u (param, key))"""
TERMS = "term_rows as (insert into term select u.key, s.no from s, unnest(s.keys) u (key))"
DATES = """{table}_rows as (insert into {table} select u.key, u.lo, u.hi, s.no
    from s, unnest(s.{of}_keys, s.{of}_los, s.{of}_his) u (key, lo, hi))"""
ARRAYS = "array_rows as (insert into array_a select s.no, s.type, s.keys, s.date_lo, s.date_hi from s)"
INSERTS = {
    "N": ("token_params, tokens, ref_params, refs, date_keys, date_los, date_his",
          [TOKENS, DATES.format(table="date_value", of="date")]),
    "T": ("keys, date_keys, date_los, date_his", [TERMS, DATES.format(table="date_value", of="date")]),
    "T+": ("keys, date_keys, date_los, date_his, line_keys, line_los, line_his",
           [TERMS, DATES.format(table="date_value", of="date"), DATES.format(table="timeline", of="line")]),
    "A": ("keys, date_lo, date_hi, other_keys, other_los, other_his",
          [ARRAYS, DATES.format(table="date_a", of="other")]),
}

MOVED_DATE = """date_gone as (delete from date_value v using s
    where v.key = s.date_key and v.lo = s.lo and v.hi = s.hi and v.no = s.no),
date_new as (insert into date_value select s.date_key, s.new_lo, s.new_hi, s.no from s on conflict do nothing)"""
MOVED_TERM = """term_gone as (delete from term t using s where t.key = s.old_key and t.no = s.no),
term_new as (insert into term select s.new_key, s.no from s on conflict do nothing)"""
MOVED_TOKEN = """token_gone as (delete from token_n t using s
    where t.type = 95 and t.param = hashint8(s.old_key) & 15 and t.hash = s.old_key and t.no = s.no),
token_new as (insert into token_n select 95, hashint8(s.new_key) & 15, s.new_key, s.no from s on conflict do nothing)"""
MOVED_LINES = """line_gone as (delete from timeline v
    using (select u.key, s.lo, s.hi, s.no from s, unnest(s.line_keys) u (key)) d
    where v.key = d.key and v.lo = d.lo and v.hi = d.hi and v.no = d.no),
line_new as (insert into timeline select u.key, s.new_lo, s.new_hi, s.no from s, unnest(s.line_keys) u (key)
    on conflict do nothing)"""
MOVED_ARRAY = """array_new as (update array_a a set keys = s.keys, date_lo = s.new_lo, date_hi = s.new_hi
    from s where a.no = s.no)"""
DATED = "date_key, lo, hi, new_lo, new_hi"
CHANGES = {
    "N": ("old_key, new_key, " + DATED, [MOVED_TOKEN, MOVED_DATE]),
    "T": ("old_key, new_key, " + DATED, [MOVED_TERM, MOVED_DATE]),
    "T+": ("old_key, new_key, line_keys, " + DATED, [MOVED_TERM, MOVED_DATE, MOVED_LINES]),
    "A": ("keys, new_lo, new_hi", [MOVED_ARRAY]),
}


def insert(cluster, database, layout, where):
    """Returns the statement that writes sample rows: content and index rows, in one go as the server does."""
    columns = [row[0] for row in psql(cluster, database, """
        select attname from pg_attribute where attrelid = 'resource'::regclass and attnum > 0 and not attisdropped
        order by attnum""")]
    known = {"type": "s.type", "version": "1", "updated": "(extract(epoch from now()) * 1000)::bigint * 1000",
             "deleted": "false", **FRESH}
    # Columns that came later have a default, or a nought will do.
    values = ", ".join(known.get(column, "0") for column in columns)
    wanted, parts = INSERTS[layout]
    return (f"with s as materialized (\n    select nextval('fresh') << 10 as no, type, content, {wanted}\n"
            f"    from sample where {where}),\n"
            + ",\n".join(parts)
            + f"\ninsert into resource ({', '.join(columns)}) select {values} from s;\n")


def change(layout, size):
    """Returns the statement that changes the next of the layout's own resources; after all of them, back again."""
    wanted, parts = CHANGES[layout]
    part, sequence = LAYOUTS.index(layout), f"change_{layout.replace('+', 'p').lower()}"
    return (f"with s as materialized (select no, content, {wanted} from change\n"
            f"    where part = {part} and i = (select nextval('{sequence}') % {2 * size})),\n"
            + ",\n".join(parts)
            + "\nupdate resource r\n"
            "set version = r.version + 1, updated = r.updated + 1000000, content = s.content::json\n"
            "from s where r.no = s.no;\n")


def measure(cluster, database, folder, sample, size, reps, seconds):
    """Returns by kind of write, layout and clients the runs."""
    scripts = {}
    for layout in LAYOUTS:
        one = f"\\set i random(1, {sample})\n" + insert(cluster, database, layout, "i = :i")
        many = f"\\set i random({sample + 1}, {2 * sample - BATCH})\n" + insert(
            cluster, database, layout, f"i between :i and :i + {BATCH - 1}")
        for kind, text in (("insert", one), ("batch", many), ("update", change(layout, size))):
            scripts[kind, layout] = folder / f"{kind}-{layout.replace('+', 'p').lower()}.sql"
            scripts[kind, layout].write_text(text)
    runs, written = {}, count(cluster, database)
    for _ in range(reps):
        for (kind, layout), path in sorted(scripts.items(), key=lambda item: item[0][0]):
            # Whole bundles come side by side.
            for clients in (8,) if kind == "batch" else (1, 8):
                # A page that changes for the first time after a checkpoint is logged whole: all begin there.
                psql(cluster, database, "checkpoint")
                one = pgbench(cluster, database, [path], clients, ("-T", seconds), WRITES)
                if kind == "batch":
                    one["resources"] = one["tps"] * BATCH
                if kind != "update":
                    written += one["transactions"] * (BATCH if kind == "batch" else 1)
                runs.setdefault(kind, {}).setdefault(layout, {}).setdefault(str(clients), []).append(one)
    if count(cluster, database) != written:
        raise SystemExit(f"error: {written} resources should be there, not {count(cluster, database)}")
    check(cluster, database)
    return runs


def count(cluster, database):
    return int(psql(cluster, database, "select count(*) from resource")[0][0])


def check(cluster, database):
    """A change that missed its rows would be cheap: each resource must have one status and one date, of one state."""
    missed = psql(cluster, database, """
        with states as (
            select c.part, c.no, (
                select count(*) from (
                    select from term t where part in (1, 2) and t.key = c.old_key and t.no = c.no
                    union all
                    select from token_n t where part = 0 and type = 95 and param = hashint8(c.old_key) & 15
                        and hash = c.old_key and t.no = c.no
                    union all
                    select from array_a a where part = 3 and a.no = c.no and a.keys @> array[c.old_key]) s
                ) as statuses, (
                select count(*) from (
                    select from date_value v where part < 3 and v.no = c.no and v.key = c.date_key and v.lo = c.lo
                    union all
                    select from array_a a where part = 3 and a.no = c.no and a.date_lo = c.lo) d) as dates, (
                select count(*) from timeline v
                where part = 2 and v.key = any (c.line_keys) and v.no = c.no and v.lo = c.lo) as lines,
                case part when 2 then cardinality(line_keys) else 0 end as lines_wanted
            from change c)
        select part, no from states group by part, no
        having not (count(*) filter (where statuses = 1 and dates = 1 and lines = lines_wanted) = 1
            and count(*) filter (where statuses = 0 and dates = 0 and lines = 0) = 1)""", WRITES)
    if missed:
        raise SystemExit(f"error: {len(missed)} changed resources have other index rows than wanted, as {missed[0]}")


def sizes(cluster, database):
    """Returns MB by layout: the tables, their indexes, each by name."""
    tables = {"N": ["token_n", "reference_n", "date_value"], "T": ["term", "date_value"],
              "T+": ["term", "date_value", "timeline"], "A": ["array_a", "date_a"]}
    rows = {name: {"table": int(table) / 1e6, "index": int(index) / 1e6, "rows": int(rows)}
            for name, table, index, rows in psql(cluster, database, """
        select relname, pg_table_size(oid), pg_indexes_size(oid), reltuples::bigint from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace""")}
    return {layout: {name: rows[name] for name in names} for layout, names in tables.items()}


def sizes_of_own(cluster, database):
    """Returns MB of T and T+ with all indexes."""
    sizes = {name: int(size) / 1e6 for name, size in psql(cluster, database, """
        select relname, pg_total_relation_size(oid) from pg_class
        where relname in ('term', 'date_value', 'timeline')""")}
    return {"T": sizes["term"] + sizes["date_value"], "T+": sum(sizes.values())}
