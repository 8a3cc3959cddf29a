-- The current version of one resource.
select no, type, id, version, updated, content, about from resource where type = $1 and id = $2
