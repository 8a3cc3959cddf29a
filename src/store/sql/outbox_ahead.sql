-- Every change committed after the position ($1, $2, $3), in the order of the outbox, and whether nothing can appear before it
-- any more: what a transaction still running could be overtaken by is given out too, but may have others before it later.
select o.xid::text, o.no, o.version, o.type, o.deleted, o.xid < pg_snapshot_xmin(pg_current_snapshot())
from outbox o
where (o.xid, o.no, o.version) > ($1::text::xid8, $2, $3)
order by o.xid, o.no, o.version
limit $4
