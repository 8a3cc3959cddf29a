-- People, clients, what they were allowed, and what makes guessing dear.
-- Times are microseconds since 1970-01-01T00:00:00Z. What is handed out as a secret stands here as its SHA-256.

alter table audit add column client text, add column detail text;
comment on column audit.detail is 'what is worth knowing besides: which rule refused, which factor was used; never a secret';

-- A person who can sign in.
create table account (
    id        uuid     primary key,
    login     text     not null unique,
    name      text     not null,
    email     text,
    status    smallint not null,
    roles     text[]   not null,
    fhir_user text,
    password  text,
    created   bigint   not null,
    -- The shared secret of the authenticator app, sealed; and the last time step whose code was used.
    totp      bytea,
    totp_step bigint   not null default 0
);
comment on column account.login is 'in lower case';
comment on column account.status is '1 waits for approval, 2 active, 3 suspended';
comment on column account.password is 'argon2id in PHC notation; none: this person has no password';

create table recovery_code (
    account uuid  not null,
    hash    bytea not null,
    primary key (account, hash)
);

create table passkey (
    id      bytea  primary key,
    account uuid   not null,
    name    text   not null,
    data    json   not null,
    created bigint not null,
    used    bigint
);
create index passkey_of_account on passkey (account);

-- Who an outside identity provider says that an account is.
create table federated_identity (
    issuer  text not null,
    subject text not null,
    account uuid not null,
    primary key (issuer, subject)
);

create table session (
    hash    bytea  primary key,
    account uuid   not null,
    -- When a factor was last shown, and which ones were.
    auth_at bigint not null,
    methods text[] not null,
    created bigint not null,
    seen    bigint not null,
    ends    bigint not null,
    device  text   not null,
    address text   not null
);
create index session_of_account on session (account);

-- Secrets that are good once: links that reset a password, sign-ins between two factors, launches, requests on their way
-- through pages, ids of assertions. What they are for is in `kind`; what is kept with them in `data`.
create table once (
    kind text   not null,
    hash bytea  not null,
    data json   not null,
    ends bigint not null,
    used bigint,
    primary key (kind, hash)
);
create index once_ends on once (ends);

-- How often something guessable was tried.
create table attempt (
    key   text    primary key,
    count integer not null,
    began bigint  not null
);

create table client (
    id      text     primary key,
    status  smallint not null,
    secret  text,
    data    json     not null,
    created bigint   not null,
    changed bigint   not null,
    -- Of the token by which a client that registered itself looks after that.
    registration bytea
);
comment on column client.status is '1 waits for approval, 2 active, 3 suspended';
comment on column client.secret is 'argon2id in PHC notation';

-- What a person, or a system by itself, has allowed a client: the tokens of one launch are one family.
create table authorization_grant (
    id      uuid   primary key,
    client  text   not null,
    account uuid,
    -- The session it ends with, where it was given online.
    session bytea,
    data    json   not null,
    created bigint not null,
    used    bigint not null,
    ended   bigint
);
create index authorization_of_account on authorization_grant (account) where ended is null;
create index authorization_of_session on authorization_grant (session) where ended is null;
create index authorization_of_client on authorization_grant (client) where ended is null;

create table authorization_code (
    hash     bytea  primary key,
    "grant"  uuid   not null,
    redirect text   not null,
    challenge text  not null,
    ends     bigint not null,
    used     bigint
);

create table refresh_token (
    hash    bytea  primary key,
    "grant" uuid   not null,
    created bigint not null,
    ends    bigint not null,
    used    bigint,
    -- Its successor, while it may yet be used once more: the answer that carried it can have been lost.
    next    bytea
);
create index refresh_token_of_grant on refresh_token ("grant");

-- What must no longer be accepted although its signature is good. Every process reads it several times a second: rows of
-- transactions that were running at its last look, and of later ones.
create table revocation (
    no   bigint generated always as identity primary key,
    xid  xid8   not null default pg_current_xact_id(),
    kind text   not null,
    name text   not null,
    at   bigint not null,
    ends bigint not null
);
comment on column revocation.kind is 'token (jti), grant (authorization_grant.id), account, client, key (signing_key.id)';
comment on column revocation.at is 'tokens issued up to this moment are refused';
create index revocation_xid on revocation (xid);
create index revocation_ends on revocation (ends);

-- The public halves of the keys that servers of this database sign with. The private halves stay in their data folders.
create table signing_key (
    id      text   primary key,
    jwk     json   not null,
    created bigint not null,
    ends    bigint not null
);

-- Numbers that were ever given to a patient; none is given twice.
create table health_id (
    number  text   primary key,
    patient text   not null,
    created bigint not null,
    ended   bigint
);
create index health_id_of_patient on health_id (patient);
create unique index health_id_one on health_id (patient) where ended is null;

-- Identifiers of states and insurers, by keyed hash alone: enough to find the same person again.
create table identity_proof (
    system  text  not null,
    hash    bytea not null,
    patient text  not null,
    primary key (system, hash)
);
create index identity_proof_of_patient on identity_proof (patient);
