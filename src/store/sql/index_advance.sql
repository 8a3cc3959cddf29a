-- Notes that the resources of a type are done up to the number $2, $3 of them; counts all of them when $4.
update index_type
set after_no = $2, done = done + $3,
    total = case when $4 then (select count(*) from resource where type = $1 and not deleted) else total end
where type = $1
