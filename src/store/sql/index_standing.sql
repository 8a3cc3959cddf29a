-- How far the work on each type is.
select s.revision, t.type, t.pending, t.done, t.total
from index_state s cross join index_type t
order by t.type
