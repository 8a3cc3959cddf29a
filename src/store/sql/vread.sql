-- One version of one resource, current or kept. The limit ends the search with the current one where it is that.
select no, type, id, version, updated, content, about from resource where type = $1 and id = $2 and version = $3
union all
select h.no, h.type, h.id, h.version, h.updated, h.content, r.about
from resource r join resource_history h on h.no = r.no and h.version = $3
where r.type = $1 and r.id = $2 and r.version <> $3
limit 1
