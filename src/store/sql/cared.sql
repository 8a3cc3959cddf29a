-- Those of the patients $1 for whom one of $2 cares.
select p.patient
from unnest($1::bigint[]) p (patient)
where exists (select from link l where l.kind = 1 and l.a = p.patient and l.b = any ($2::bigint[]) offset 0)
