-- The next $2 resources after the number $1.
select r.no, r.type, r.id, r.version, r.updated, r.content
from resource r
where r.no > $1 and not r.deleted
order by r.no
limit $2
