-- From the resource with target $1 to those of type $3 that refer, by a column of $2, to it or to one found before.
-- `union` passes over what was found already, so that a circle ends.
with recursive tree (target) as (
    select $1::bigint
    union
    select r.target
    from tree, unnest($2::bigint[]) c (key)
    cross join lateral (select t.no from term t where t.key = tree.target # c.key offset 0) t
    cross join lateral (select r.target from resource r where r.no = t.no and r.type = $3 and not r.deleted offset 0) r
)
select target from tree limit $4
