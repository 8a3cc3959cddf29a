-- What the targets $1 belong to, and what that belongs to.
with recursive circle (target) as (
    select unnest($1::bigint[])
    union
    select l.b from circle c join link l on l.kind = 2 and l.a = c.target
)
select r.type, r.id
from circle c
cross join lateral (select * from resource r where r.target = c.target offset 0) r
where not r.deleted
