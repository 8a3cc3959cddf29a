-- Notes that all resources of a type have their rows in the columns $2; servers learn of it by the revision.
with completed as (
    update index_type set pending = false, complete = $2, total = done where type = $1
)
update index_state set revision = revision + 1
