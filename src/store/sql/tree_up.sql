-- From the resource with target $1 to those of type $3 that it, or one found before, refers to by a column of $2.
-- `union` passes over what was found already, so that a circle ends.
with recursive tree (target) as (
    select $1::bigint
    union
    select x.target
    from tree, unnest($2::bigint[]) c (key)
    cross join lateral (select r.refs from resource r
                        where r.target = tree.target and r.type = $3 and not r.deleted offset 0) r
    cross join lateral unnest(r.refs) f (ref)
    cross join lateral (select x.target from resource x
                        where x.target = f.ref # c.key and x.type = $3 and not x.deleted offset 0) x
)
select target from tree limit $4
