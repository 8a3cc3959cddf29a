-- What was committed after the position ($1, $2, $3), oldest first, leaving out everything that a transaction
-- still running could be overtaken by: its rows come later, in their place. (A bare `xid` in the order would be the text
-- of the first column, where 10 comes before 9.)
select o.xid::text, o.no, o.version, o.type, o.deleted
from outbox o
where (o.xid, o.no, o.version) > ($1::text::xid8, $2, $3) and o.xid < pg_snapshot_xmin(pg_current_snapshot())
order by o.xid, o.no, o.version
limit $4
