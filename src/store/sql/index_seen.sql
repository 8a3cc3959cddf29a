-- What a server asks every second. Every write of a SearchParameter raises the sum of the versions. (The number of the type
-- stands in the text so that the planner knows how few there are.)
select s.release, s.marker, (select coalesce(sum(r.version), 0)::bigint from resource r where r.type = 122)
from index_state s
