-- The current versions of the numbers $1, deleted ones without content.
select r.no, r.type, r.id, r.version, r.updated, r.content from resource r where r.no = any ($1::bigint[])
