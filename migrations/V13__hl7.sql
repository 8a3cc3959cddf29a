-- HL7 v2 feeds: which systems send, every message as it came, and what became of it.
-- Times are microseconds since 1970-01-01T00:00:00Z.

create table hl7_feed (
    id          text    collate "C" primary key,
    -- MSH-3 and MSH-4 of its messages; null: any.
    application text    collate "C",
    facility    text    collate "C",
    client      text    collate "C",
    certificate text    collate "C",
    settings    text    not null,
    active      boolean not null,
    created     bigint  not null
);
comment on column hl7_feed.client is 'the registered client whose scopes bound what its messages write; null: system/*.cruds';
comment on column hl7_feed.certificate is 'the common name of the certificate that it must show; null: none is asked for';
comment on column hl7_feed.settings is 'TOML';

create table hl7_message (
    -- Version 7: rises with time.
    id            uuid     primary key,
    received      bigint   not null,
    feed          text     collate "C",
    peer          text     not null,
    certificate   text,
    -- MSH-3, MSH-4, MSH-10, MSH-9 and MSH-7, as far as they could be read.
    application   text,
    facility      text,
    control_id    text     collate "C",
    event         text,
    sent          text,
    raw           bytea    not null,
    sha256        bytea    not null,
    state         smallint not null,
    ack_code      text,
    ack           bytea,
    problems      jsonb    not null default '[]',
    -- How often it was tried to take it over, and when that last began.
    attempts      int      not null default 0,
    tried         bigint   not null default 0,
    done_at       bigint,
    replaces      uuid,
    replaced_by   uuid,
    dismissed_by  text,
    dismissed_why text
);
comment on column hl7_message.feed is 'null: the sender is not known';
comment on column hl7_message.state is
    '1 received and not worked off, 2 done, 3 failed, 4 refused, 5 dismissed, 6 replaced by a corrected one';

-- A control id means one message, except where that one was refused, given up or replaced.
create unique index hl7_message_control on hl7_message (feed, control_id) where state in (1, 2, 3);
create index hl7_message_found on hl7_message (control_id);
create index hl7_message_feed on hl7_message (feed, state, id);
-- Few rows are in these states: the queue of people, and that of the server.
create index hl7_message_open on hl7_message (state, id) where state in (1, 3);
-- Who is refused may send the same again and again: it is kept once.
create index hl7_message_refused on hl7_message (sha256) where state = 4;
