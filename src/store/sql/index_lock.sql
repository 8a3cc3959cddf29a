-- Locks those of the resources that nobody else holds, and returns them.
select no, type, id, version, updated, content
from resource
where no = any ($1::bigint[]) and not deleted
order by no
for no key update skip locked
