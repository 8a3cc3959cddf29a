-- Keys that all servers of one database share, so that what one of them signed is known to the others.
create table secret (
    name  text  primary key,
    value bytea not null
);
