-- As lock.sql, but leaves out what another transaction holds: those wait on their own, not the whole batch.
select r.no, r.type, r.id, r.version, r.updated, r.content
from unnest($1::smallint[], $2::text[]) as k (type, id) join resource r on r.type = k.type and r.id = k.id
order by r.type, r.id
for update of r skip locked
