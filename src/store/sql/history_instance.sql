-- Versions of one resource, newest first. A version is current from its own time to that of the next.
select v.no, v.type, v.id, v.version, v.updated, v.content, v.about, v.deed
from (
    select no, type, id, version, updated, content, about, deed, null::bigint as until
    from resource where type = $1 and id = $2
    union all
    select h.no, h.type, h.id, h.version, h.updated, h.content, r.about, h.deed,
           lead(h.updated, 1, r.updated) over (order by h.version) as until
    from resource r join resource_history h on h.no = r.no
    where r.type = $1 and r.id = $2
) v
where v.updated >= $3 and v.version < $6
  and ($4::bigint is null or (v.updated <= $5 and (v.until is null or v.until > $4)))
order by v.version desc
limit $7
