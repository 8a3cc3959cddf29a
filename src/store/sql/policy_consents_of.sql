-- What stands under the keys $1.
select r.content::text
from term t
cross join lateral (select * from resource r where r.no = t.no offset 0) r
where t.key = any ($1::bigint[]) and not r.deleted
