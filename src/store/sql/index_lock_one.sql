-- As index_lock.sql, but waits for whoever holds it: for one resource at a time.
select no, type, id, version, updated, content
from resource
where no = any ($1::bigint[]) and not deleted
order by no
for no key update
