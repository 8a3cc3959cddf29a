"""Index keys, made as src/search/key.rs makes them: to tell references from tokens among rows that carry keys alone."""

import struct
import subprocess

from cluster import BIN, PORT, environment, psql

K0, K1 = 0x6D6564696C696E6B, 0x7365617263680001
MASK = (1 << 64) - 1
FORM_CODE = 2
COMPARTMENT = 0x70A71E47C0DE5EED
COMPARTMENT_PARAM = 0


def sip(data):
    """Returns SipHash-1-3 under the fixed key."""
    v = [K0 ^ 0x736F6D6570736575, K1 ^ 0x646F72616E646F6D, K0 ^ 0x6C7967656E657261, K1 ^ 0x7465646279746573]
    whole = len(data) // 8 * 8
    for (word,) in struct.iter_unpack("<Q", data[:whole]):
        compress(v, word)
    compress(v, int.from_bytes(data[whole:], "little") | (len(data) & 255) << 56)
    v[2] ^= 0xFF
    for _ in range(3):
        turn(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def compress(v, word):
    v[3] ^= word
    turn(v)
    v[0] ^= word


def turn(v):
    a, b, c, d = v
    a = (a + b) & MASK
    b = (b << 13 & MASK | b >> 51) ^ a
    a = a << 32 & MASK | a >> 32
    c = (c + d) & MASK
    d = (d << 16 & MASK | d >> 48) ^ c
    a = (a + d) & MASK
    d = (d << 21 & MASK | d >> 43) ^ a
    c = (c + b) & MASK
    b = (b << 17 & MASK | b >> 47) ^ c
    v[:] = a, b, c << 32 & MASK | c >> 32, d


def hashed(*parts):
    return sip(b"".join(struct.pack("<I", len(part)) + part for part in parts))


def term(column, form, first, second=b""):
    return sip(struct.pack("<QBI", column, form, len(first)) + first + second)


def signed(key):
    return key - (1 << 64) if key >> 63 else key


def label_references(cluster, database):
    """Fills `ref_key (key, type, param)` with every key that a reference to a resource of this database can have."""
    names = {int(number): name.encode() for number, name in psql(cluster, database, """
        select number, name from resource_type where number in (select distinct type from resource)""")}
    columns = psql(cluster, database, "select distinct type, unnest(columns) from shape order by 1, 2")
    of_type = {}
    for number, column in columns:
        of_type.setdefault(int(number), set()).add(int(column) & MASK)
    # A column that refers to a type has a key of both beside its own.
    ways = [(number, param, column, target)
            for number, found in of_type.items()
            for param, column in enumerate(sorted(found), COMPARTMENT_PARAM + 1)
            for target, name in names.items()
            if term(column, FORM_CODE, name) in found]
    wanted = sorted({target for *_, target in ways})
    ids = psql(cluster, database, f"select type, id from resource where type in ({', '.join(map(str, wanted))})")
    lines = []
    for number, id in ids:
        number = int(number)
        target = hashed(b"target", names[number], id.encode())
        lines += [f"{signed(column ^ target)},{t},{param}" for t, param, column, to in ways if to == number]
        if names[number] == b"Patient":
            lines.append(f"{signed(target ^ COMPARTMENT)},,{COMPARTMENT_PARAM}")
    psql(cluster, database, "create table ref_key (key bigint not null, type smallint, param smallint not null);")
    words = [str(BIN / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-h", str(cluster.run), "-p", str(PORT)]
    words += ["-U", "postgres", "-d", database, "-c", "copy ref_key from stdin (format csv)"]
    subprocess.run(words, input="\n".join(lines) + "\n", text=True, check=True, env=environment(""))
    psql(cluster, database, "alter table ref_key add primary key (key); analyze ref_key;")
