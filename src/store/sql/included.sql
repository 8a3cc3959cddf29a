-- What the resources $1 refer to by some columns, or what refers to them, each once and at most $9.
-- Forward columns: of type $2, with key $3, to type $4 or to any (-1). Backward: with key $5, to type $6 or to any.
-- Resources $7 came before; only types $8 may be seen.
with page as materialized (
    select type, target, refs from resource where no = any ($1::bigint[])
),
found as (
    select x.no
    from (select distinct p.type, f.ref from page p cross join unnest(p.refs) f (ref)) p
    join unnest($2::smallint[], $3::bigint[], $4::smallint[]) c (source, key, target) on c.source = p.type
    cross join lateral (
        select x.no from resource x
        where x.target = p.ref # c.key and (c.target < 0 or x.type = c.target) and not x.deleted
        offset 0
    ) x
    union
    select t.no
    from page p
    join unnest($5::bigint[], $6::smallint[]) c (key, target) on c.target < 0 or c.target = p.type
    cross join lateral (select t.no from term t where t.key = p.target # c.key offset 0) t
)
select r.no, r.type, r.id, r.version, r.updated, r.content, r.about
from (select no from found where no <> all ($7::bigint[]) order by no) f
cross join lateral (select * from resource r where r.no = f.no and r.type = any ($8::smallint[]) offset 0) r
limit $9
