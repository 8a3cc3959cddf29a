-- The last change that nothing can appear before any more.
select o.xid::text, o.no, o.version
from outbox o
where o.xid < pg_snapshot_xmin(pg_current_snapshot())
order by o.xid desc, o.no desc, o.version desc
limit 1
