-- The audit, complete: who, why, from where, about whom; authenticated row by row, and chained.
-- `mac` is made by the server, under a key that is not in the database, over all columns but `xid`.

alter table audit
    add column agent    text,
    add column purpose  text,
    add column token    text,
    add column address  text,
    add column query    text,
    add column patients bigint[],
    add column consent  text,
    add column content  json,
    add column mac      bytea not null default '',
    add column xid      xid8  not null default pg_current_xact_id();
comment on column audit.agent is 'the person: Type/id';
comment on column audit.token is 'jti of the access token';
comment on column audit.query is 'search parameters, or the operation; never a secret';
comment on column audit.patients is 'resource.target of the patients whose data came out or were written';
comment on column audit.consent is 'what decided: Consent/id, or the id of a broken glass';
comment on column audit.content is 'an AuditEvent that a client posted';

-- The chain follows the rows in this order, which no late commit can change.
create index audit_xid on audit (xid, no);
-- Rows of before this migration, until they are authenticated too.
create index audit_bare on audit (no) where mac = '';

-- The log of one patient.
create table audit_patient (
    patient bigint not null,
    no      bigint not null,
    primary key (patient, no)
);

-- The chain: hash = SHA-256(hash before || row || mac of the row); `mac` is over the link itself.
-- `sound` says whether the mac of the row was right when it was linked.
create table audit_link (
    seq   bigint  primary key,
    no    bigint  not null unique,
    xid   xid8    not null,
    sound boolean not null,
    hash  bytea   not null,
    mac   bytea   not null
);

-- Signed statements about the chain, as JWS.
create table audit_checkpoint (
    seq       bigint not null,
    at        bigint not null,
    statement text   not null,
    primary key (seq, at)
);

-- How far the spool files of processes are written to the table `audit`.
create table audit_spool (
    name     text   collate "C" primary key,
    position bigint not null
);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only: % is refused', tg_table_name, tg_op using errcode = 'ML002';
end $$;

-- A row of before this migration gets its mac once.
create trigger append_only_update before update on audit
    for each row when (old.mac <> '') execute function audit_is_append_only();
create trigger append_only_delete before delete on audit for each row execute function audit_is_append_only();
create trigger append_only_truncate before truncate on audit execute function audit_is_append_only();
create trigger append_only before update or delete or truncate on audit_patient
    execute function audit_is_append_only();
create trigger append_only before update or delete or truncate on audit_link
    execute function audit_is_append_only();
create trigger append_only before update or delete or truncate on audit_checkpoint
    execute function audit_is_append_only();
