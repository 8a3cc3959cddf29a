-- Gives the types $1 their new fingerprints $2. Types that are complete say in which columns ($3); the others are work to do.
-- What was complete before stays so.
insert into index_type (type, fingerprint, complete, pending)
select type, fingerprint, complete::bigint[], complete is null
from unnest($1::smallint[], $2::bigint[], $3::text[]) as g (type, fingerprint, complete)
on conflict (type) do update
set fingerprint = excluded.fingerprint, pending = excluded.pending, after_no = 0, done = 0, total = null
