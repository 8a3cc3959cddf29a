-- Has the named types indexed anew, as far as there are any resources; what is complete stays so. Empty: all types. Waits for
-- the step that is being done.
with held as materialized (
    select one from index_state for update
)
update index_type
set pending = true, after_no = 0, done = 0, total = null
where (type = any ($1::smallint[]) or cardinality($1::smallint[]) = 0) and exists (select from held)
  and exists (select from resource r where r.type = index_type.type)
