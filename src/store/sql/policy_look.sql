-- What this look sees; and the changes that a look which saw $1 did not see.
select pg_current_snapshot()::text, null::smallint, null::bigint
union all
select null, kind, key
from policy_change
where xid >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
