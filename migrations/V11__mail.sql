-- What people are told: by mail, and of Consents that somebody else recorded for them.
-- Times are microseconds since 1970-01-01T00:00:00Z.

-- Mails to send: a row stands in the transaction of the notice that it tells of.
create table mail (
    id      uuid   primary key default gen_random_uuid(),
    account uuid   not null,
    address text   not null,
    notice  text   collate "C" not null,
    created bigint not null,
    -- When it is tried next, and how often it was.
    due     bigint not null,
    tries   int    not null default 0
);
comment on column mail.notice is 'the id of the Communication';
create index mail_due on mail (due);
create index account_fhir_user on account (fhir_user) where fhir_user is not null;

-- Consents on paper that were recorded for a patient, who is to be told.
create table consent_paper (
    consent text   collate "C" primary key,
    at      bigint not null
);
