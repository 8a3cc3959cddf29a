-- Has the named types indexed anew; what is complete stays so. Empty: all types.
update index_type
set pending = true, after_no = 0, done = 0, total = null
where type = any ($1::smallint[]) or cardinality($1::smallint[]) = 0
