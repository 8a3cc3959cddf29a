-- Chains: from a resource to what it refers to, without reading its content.
-- A reference is `key of the column # target of the resource it leads to` (# is exclusive or), as in `term`.
alter table resource add column refs bigint[] not null default '{}';
create index resource_target on resource (target) include (no, type);
