-- Makes the index rows of the resources $1, all of the type $4 and numbered $5 to $6, what they should be; the resources are
-- locked. Strings, dates and quantities are found by the resource and replaced. Terms and the timeline are added only,
-- but for the shapes, of which a resource has one: $2.
with standing as materialized (
    select k.key, k.no
    from shape s
    cross join lateral (select t.key, t.no from term t where t.key = s.key and t.no between $5 and $6 offset 0) k
    where s.type = $4::smallint
),
shape_gone as (
    delete from term t
    using standing s join unnest($1::bigint[], $2::bigint[]) as k (no, kept) on k.no = s.no and k.kept <> s.key
    where t.key = s.key and t.no = s.no
),
linked as (
    update resource r set refs = l.refs::bigint[], about = l.about::bigint[]
    from unnest($1::bigint[], $3::text[], $27::text[]) as l (no, refs, about)
    where r.no = l.no and (r.refs is distinct from l.refs::bigint[] or r.about is distinct from l.about::bigint[])
),
term_new as (
    insert into term (key, no) select * from unnest($7::bigint[], $8::bigint[]) on conflict do nothing
),
string_want as materialized (
    select * from unnest($9::integer[], $10::text[], $11::bigint[]) as w (key, value, no)
),
string_gone as (
    delete from string_value v
    where v.no = any ($1::bigint[])
      and not exists (select from string_want w where w.no = v.no and w.key = v.key and w.value = v.value)
),
string_new as (
    insert into string_value (key, value, no) select * from string_want on conflict do nothing
),
date_want as materialized (
    select * from unnest($12::integer[], $13::bigint[], $14::bigint[], $15::bigint[]) as w (key, lo, hi, no)
),
date_gone as (
    delete from date_value v
    where v.no = any ($1::bigint[])
      and not exists (select from date_want w where w.no = v.no and w.key = v.key and w.lo = v.lo and w.hi = v.hi)
),
date_new as (
    insert into date_value (key, lo, hi, no) select * from date_want on conflict do nothing
),
quantity_want as materialized (
    select w.key, w.lo::numeric, w.hi::numeric, w.no
    from unnest($16::bigint[], $17::text[], $18::text[], $19::bigint[]) as w (key, lo, hi, no)
),
quantity_gone as (
    delete from quantity_value v
    where v.no = any ($1::bigint[])
      and not exists (select from quantity_want w where w.no = v.no and w.key = v.key and w.lo = v.lo and w.hi = v.hi)
),
quantity_new as (
    insert into quantity_value (key, lo, hi, no) select * from quantity_want on conflict do nothing
),
timeline_new as (
    insert into timeline (key, lo, hi, no)
    select * from unnest($20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[]) on conflict do nothing
),
link_want as materialized (
    select * from unnest($28::smallint[], $29::bigint[], $30::bigint[], $31::bigint[]) as w (kind, a, b, no)
),
link_gone as (
    delete from link l
    where l.no = any ($1::bigint[])
      and not exists (select from link_want w where w.no = l.no and w.kind = l.kind and w.a = l.a and w.b = l.b)
),
link_new as (
    insert into link (kind, a, b, no) select * from link_want on conflict do nothing
)
insert into shape (key, type, columns)
select key, type, columns::bigint[] from unnest($24::bigint[], $25::smallint[], $26::text[]) as s (key, type, columns)
order by key
on conflict do nothing
