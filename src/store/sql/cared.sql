-- Who of $2 cares for which of the patients $1.
select l.a, l.b
from unnest($1::bigint[]) p (patient)
cross join lateral (select l.a, l.b from link l where l.kind = 1 and l.a = p.patient and l.b = any ($2::bigint[]) offset 0) l
