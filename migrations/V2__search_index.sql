-- What resources are found by. Every row is made from the current version of a resource and can be made again.
-- Keys are hashes of type, parameter path and, where equality is all that is asked, value.

-- Everything that is matched by equality: codes, identifiers, references, URLs, compartments.
-- One B-tree gives pages in the order of `no`, counts without touching a resource, and yes-or-no for a single resource.
create table term (
    key bigint not null,
    no  bigint not null,
    primary key (key, no)
) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Text for prefix search: folded, and behind U+0001 as it was where folding changed it.
create table string_value (
    key   integer not null,
    value text    collate "C" not null,
    no    bigint  not null,
    primary key (key, value, no)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create index string_value_of on string_value (no, key) include (value);

-- Dates as stretches of time, in microseconds since 1970. The key names the parameter and a class of length, so that
-- a range of `lo` bounds every search (search/period.rs).
create table date_value (
    key integer not null,
    lo  bigint  not null,
    hi  bigint  not null,
    no  bigint  not null,
    primary key (key, lo, no, hi)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create index date_value_of on date_value (no, key) include (lo, hi);

-- Numbers and quantities. The key names the parameter and, if any, the unit.
create table quantity_value (
    key bigint  not null,
    lo  numeric not null,
    hi  numeric not null,
    no  bigint  not null,
    primary key (key, lo, hi, no)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create index quantity_value_of on quantity_value (no, key) include (lo, hi);

-- Patient, patient and code, patient and category, code: in the order of the resource's principal date.
create table timeline (
    key bigint not null,
    lo  bigint not null,
    hi  bigint not null,
    no  bigint not null,
    primary key (key, lo, no, hi)
) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Which parameters have a value: resources of one shape share a row here and a key in `term`. Answers `:missing`.
create table shape (
    key     bigint   primary key,
    type    smallint not null,
    columns bigint[] not null
);
