-- The current versions of the named resources, leaving out what is not there.
select r.no, r.type, r.id, r.version, r.updated, r.content
from unnest($1::smallint[], $2::text[]) as k (type, id) join resource r on r.type = k.type and r.id = k.id
where not r.deleted
