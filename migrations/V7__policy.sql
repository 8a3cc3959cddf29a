-- What decides who may see a resource: whom it is about, who cares for whom, who belongs to what, who broke the glass.
-- Patients, people and groups are the hashes that `resource.target` holds.

alter table resource add column about bigint[];
comment on column resource.about is 'the patients whose record it is part of; null: not known yet';

-- Made from resources as index rows are. Kind 1: actor `b` cares for patient `a`. Kind 2: `a` belongs to `b`.
create table link (
    kind smallint not null,
    a    bigint   not null,
    b    bigint   not null,
    no   bigint   not null,
    primary key (kind, a, b, no)
);
create index link_no on link (no);

-- One row for each change of what processes keep in memory to decide by. A process asks for rows that its last look
-- could not see: they are those of transactions that its snapshot did not hold. Swept after a while.
-- Kind 1: consents of patient `key`. Kind 2: what `key` belongs to. Kind 3: broken glass over patient `key`.
-- Kind 4: who cares for patient `key`.
create table policy_change (
    xid  xid8     not null default pg_current_xact_id(),
    kind smallint not null,
    key  bigint   not null,
    at   bigint   not null default (extract(epoch from now()) * 1000000)::bigint
);
create index policy_change_xid on policy_change (xid);

-- Who broke the glass over whose record. The Consent beside it is for people and other servers to read; this decides.
create table break_glass (
    id           text   collate "C" primary key,
    practitioner text   collate "C" not null,
    patient      text   collate "C" not null,
    consent      text   collate "C" not null,
    task         text   collate "C" not null,
    reason       text   not null,
    client       text,
    started      bigint not null,
    expires      bigint not null,
    ended        bigint,
    ended_by     text
);
comment on column break_glass.practitioner is 'Type/id of the person; patient, consent, task are ids alone';
create index break_glass_of on break_glass (practitioner, started);
create index break_glass_open on break_glass (expires) where ended is null;
create index break_glass_patient on break_glass (patient, started);
