-- What a patient lets be seen in an emergency: the links on their cards, and what they chose to show.

-- A SMART Health Link. The link is kept as its hash; link and key together are sealed under the key of the data folder, because
-- the server encrypts for each reader what is in the record then. No copy of the record is kept here.
create table emergency_card (
    id         text   collate "C" primary key,
    patient    text   collate "C" not null,
    link       bytea  not null unique,
    sealed     bytea  not null,
    -- Of a link that wants a passcode: its keyed hash, and how many wrong ones are left for its lifetime.
    passcode   bytea,
    tries_left smallint,
    created    bigint not null,
    expires    bigint not null,
    ended      bigint,
    views      bigint not null default 0,
    seen       bigint
);
comment on column emergency_card.passcode is 'null: the card that a patient carries, which anybody who holds it may read';
create index emergency_card_patient on emergency_card (patient, created);
-- One card at a time: the link on an older one is dead once there is a newer one.
create unique index emergency_card_one on emergency_card (patient) where ended is null and passcode is null;

create table emergency_choice (
    patient   text    collate "C" primary key,
    opted_out boolean not null,
    topics    text[]  not null,
    changed   bigint  not null
);
comment on column emergency_choice.topics is 'kinds of sensitive information that the patient wants to be seen all the same';
