-- The resources of type $1 numbered above $2, at most $3.
select no, content::text from resource where type = $1 and not deleted and no > $2 order by no limit $3
