-- The current version of one resource, if there is one, and whether anything has changed that a look which saw $3 did not see.
-- In order, so that the index is taken: there are many changes, and none that is new.
select r.no, r.type, r.id, r.version, r.updated, r.content, r.about, l.change is not null
from (
  select (
    select xid from policy_change
    where xid >= pg_snapshot_xmin($3::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $3::text::pg_snapshot)
    order by xid limit 1
  ) as change
) l
left join resource r on r.type = $1 and r.id = $2
