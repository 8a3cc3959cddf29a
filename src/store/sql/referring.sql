-- Up to $2 resources that stand under one of the keys of references, each once.
select r.no, r.type, r.id, r.version, r.updated, r.content
from resource r
where r.no = any (array(select distinct t.no from term t where t.key = any ($1::bigint[]) order by t.no limit $2))
order by r.no
