-- Takes advisory locks until the end of the transaction: shared ones in $1, exclusive ones in $2, in order of number
-- over both lists, so that two transactions never wait for each other in a circle.
select case when l.exclusive then pg_advisory_xact_lock(l.key) else pg_advisory_xact_lock_shared(l.key) end
from (
    select key, false as exclusive from unnest($1::bigint[]) as s (key)
    union all
    select key, true from unnest($2::bigint[]) as e (key)
    order by key
) l
