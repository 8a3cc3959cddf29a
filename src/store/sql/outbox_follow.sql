-- What was committed after the position ($1, $2, $3), oldest first, leaving out everything that a transaction
-- still running could be overtaken by: its rows come later, in their place.
select xid::text, no, version, type, deleted
from outbox
where (xid, no, version) > ($1::text::xid8, $2, $3) and xid < pg_snapshot_xmin(pg_current_snapshot())
order by xid, no, version
limit $4
