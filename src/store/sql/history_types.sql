-- Versions of all resources of the types $1, newest first. Each type is walked along its own index.
select v.no, v.type, v.id, v.version, v.updated, v.content,
       (select r.about from resource r where r.no = v.no) as about, v.deed
from unnest($1::smallint[]) as t (type)
cross join lateral (
    select * from (
        (select r.no, r.type, r.id, r.version, r.updated, r.content, r.deed
         from resource r
         where r.type = t.type and r.updated >= $2 and r.updated <= $5
           and (r.updated, r.no, r.version) < ($5, $6, $7)
           and ($3::bigint is null or r.updated <= $4)
         order by r.updated desc, r.no desc
         limit $8)
        union all
        (select h.no, h.type, h.id, h.version, h.updated, h.content, h.deed
         from resource_history h
         where h.type = t.type and h.updated >= $2 and h.updated <= $5
           and (h.updated, h.no, h.version) < ($5, $6, $7)
           and ($3::bigint is null or (h.updated <= $4 and not exists (
               select from resource_history n where n.no = h.no and n.version = h.version + 1 and n.updated <= $3
               union all
               select from resource n where n.no = h.no and n.version = h.version + 1 and n.updated <= $3)))
         order by h.updated desc, h.no desc, h.version desc
         limit $8)
    ) u
    order by u.updated desc, u.no desc, u.version desc
    limit $8
) v
order by v.updated desc, v.no desc, v.version desc
limit $8
