-- The epoch, whether every transaction that may have written in an earlier one has ended, and the type to work on. The lock
-- keeps other workers, and the beginning of an epoch, away until this transaction ends; nothing where it is taken.
select s.epoch, pg_snapshot_xmin(pg_current_snapshot()) > s.since, t.type, t.after_no, t.total is not null
from index_state s
cross join lateral (select type, after_no, total from index_type where pending order by type limit 1) t
for update of s skip locked
