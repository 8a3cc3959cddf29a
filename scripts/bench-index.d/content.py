"""Columns for content: text, json, jsonb, and jsonb with the text beside it. What they cost, and what they keep."""

from cluster import READS, WRITES, pgbench, psql
from writes import BATCH

# By column: its type, what is written and what is read.
VARIANTS = {
    "text": ("content text", "s.content", "content"),
    "json": ("content json", "s.content::json", "content"),
    "jsonb": ("content jsonb", "s.content::jsonb", "content"),
    "jsonb + text": ("parsed jsonb, content text", "s.content::jsonb, s.content", "content"),
}
WRITTEN = ['{"b": 1, "a": 1e2}', '{"value":1.50}', '{"value":1.0E+3}', '{"a":1,"a":2}', '{"text":"\\u00e9"}']


def table(variant):
    return "content_" + variant.replace(" + ", "_")


def fill(cluster, database, count):
    """Fills each table with the same resources, in their order, and returns MB and bytes a row by variant."""
    sizes = {}
    for variant, (columns, written, _) in VARIANTS.items():
        name = table(variant)
        names = [column.split()[0] for column in columns.split(", ")]
        lz4 = "".join(f"alter table {name} alter column {column} set compression lz4;\n" for column in names)
        rows = psql(cluster, database, f"""
            create table {name} (no bigint not null, {columns});
            {lz4}
            insert into {name} select row_number() over (order by no), {written}
                from (select no, content::text as content from resource order by no limit {count}) s;
            alter table {name} add primary key (no);
            vacuum (analyze) {name};
            select count(*), pg_table_size('{name}') from {name};""")
        filled, size = int(rows[0][0]), int(rows[0][1])
        sizes[variant] = {"mb": size / 1e6, "bytes_a_row": size / filled, "rows": filled}
    psql(cluster, database, f"create sequence content_fresh start {count + 1};")
    return sizes


def measure(cluster, database, folder, sample, rows, reps, seconds, read_seconds):
    runs, wanted = {}, rows * len(VARIANTS)
    for _ in range(reps):
        for kind in ("insert", "batch", "select"):
            for variant, (_, written, read) in VARIANTS.items():
                name = table(variant)
                path = folder / f"{kind}-{name}.sql"
                path.write_text(script(kind, name, written, read, sample, rows))
                for clients in (8,) if kind == "batch" else (1, 8):
                    if kind != "select":
                        psql(cluster, database, "checkpoint")
                    length, options = (read_seconds, READS) if kind == "select" else (seconds, WRITES)
                    one = pgbench(cluster, database, [path], clients, ("-T", length), options)
                    if kind == "batch":
                        one["resources"] = one["tps"] * BATCH
                    if kind != "select":
                        wanted += one["transactions"] * (BATCH if kind == "batch" else 1)
                    runs.setdefault(kind, {}).setdefault(variant, {}).setdefault(str(clients), []).append(one)
    counted = sum(int(psql(cluster, database, f"select count(*) from {table(variant)}")[0][0]) for variant in VARIANTS)
    if counted != wanted:
        raise SystemExit(f"error: {wanted} rows should be there, not {counted}")
    return runs


def script(kind, name, written, read, sample, rows):
    if kind == "select":
        return f"\\set no random(1, {rows})\nselect {read} from {name} where no = :no;\n"
    first, last = (1, sample) if kind == "insert" else (sample + 1, 2 * sample - BATCH)
    where = "i = :i" if kind == "insert" else f"i between :i and :i + {BATCH - 1}"
    return (f"\\set i random({first}, {last})\n"
            f"insert into {name} select nextval('content_fresh'), {written} from sample s where {where};\n")


def fidelity(cluster, database):
    """Returns what each type gives back for texts that mean the same and are not the same."""
    quoted = [text.replace("'", "''") for text in WRITTEN]
    rows = psql(cluster, database, "\n".join(f"select '{text}'::json::text, '{text}'::jsonb::text;" for text in quoted))
    return [{"written": text, "json": row[0], "jsonb": row[1]} for text, row in zip(WRITTEN, rows)]
