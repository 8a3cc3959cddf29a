-- The type to work on, whether nobody else is at it, the epoch, and whether every transaction that may have written
-- in an earlier epoch has ended. The lock lasts for the transaction.
select pg_try_advisory_xact_lock(7236281937210563), s.epoch, pg_snapshot_xmin(pg_current_snapshot()) > s.since,
       t.type, t.after_no, t.total is not null
from index_state s
cross join lateral (select type, after_no, total from index_type where pending order by type limit 1) t
