-- By what the index rows were made, so that they are made again when that changes: another release, or a search parameter
-- of this database.

-- One row. Every writing statement checks that its rows were made in the present epoch.
create table index_state (
    one      boolean primary key default true check (one),
    epoch    integer not null,
    since    xid8    not null,
    release  bigint  not null,
    marker   bigint  not null,
    revision integer not null
);
comment on column index_state.epoch is 'rises when what is indexed changes';
comment on column index_state.since is 'the transaction that began the epoch: whoever wrote before it is older';
comment on column index_state.release is 'fingerprint of what the release indexes by itself';
comment on column index_state.marker is 'sum of the versions of all SearchParameters that the epoch took into account';
comment on column index_state.revision is 'rises when servers must read these tables again';
insert into index_state (epoch, since, release, marker, revision) values (0, pg_current_xact_id(), 0, 0, 0);

-- The parameters of this database that count. `since` is the epoch in which one began to: its rows stand under keys of
-- their own, so that what an earlier one of the same form left behind is never found.
create table index_parameter (
    id         text    collate "C" primary key,
    since      integer not null,
    definition text    not null
);

-- What the rows of each type are made by, and how far that is.
create table index_type (
    type        smallint primary key,
    fingerprint bigint   not null,
    complete    bigint[],
    pending     boolean  not null,
    after_no    bigint   not null default 0,
    done        bigint   not null default 0,
    total       bigint
);
comment on column index_type.complete is 'columns in which every resource has its rows; null where nothing is known';
comment on column index_type.after_no is 'the resource up to which all are done';

-- Ends a statement whose index rows were made in another epoch; a statement without such rows asks with null.
create function index_epoch_is(wanted integer) returns boolean language plpgsql stable as $$
begin
    if wanted is null or exists (select from index_state where epoch = wanted) then
        return true;
    end if;
    raise exception using errcode = 'ML001', message = 'what is indexed has changed';
end $$;

-- A resource that is not indexed anew yet may stand under a shape of before.
create index shape_of_type on shape (type, key);

-- Index-only scans need pages that are known to be visible: after inserts soon, after updates sooner than by default.
alter table resource set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.1,
                          autovacuum_analyze_scale_factor = 0.05);
alter table resource_history set (autovacuum_vacuum_insert_scale_factor = 0.1);
alter table outbox set (autovacuum_vacuum_insert_scale_factor = 0.1);
alter table term set (autovacuum_vacuum_scale_factor = 0.05);
alter table string_value set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
alter table date_value set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
alter table quantity_value set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
alter table timeline set (autovacuum_vacuum_scale_factor = 0.05);
-- A small table that every write reads.
alter table index_state set (fillfactor = 10);

-- Keys are many and of very different size: a larger sample tells the planner how many rows one has.
alter table term alter column key set statistics 1000;
alter table timeline alter column key set statistics 500;
alter table string_value alter column key set statistics 300;
alter table string_value alter column value set statistics 300;
alter table date_value alter column key set statistics 300;
alter table quantity_value alter column key set statistics 300;
-- Values are spread differently under each key.
create statistics string_value_spread (ndistinct) on key, value from string_value;
create statistics date_value_spread (ndistinct) on key, lo from date_value;
create statistics resource_kinds (mcv) on type, deleted from resource;
