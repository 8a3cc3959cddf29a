-- The numbers of the next $3 resources of a type.
select no from resource where type = $1 and no > $2 and not deleted order by no limit $3
