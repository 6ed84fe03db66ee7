-- Tokens that are void before they end. Numbers are given by the row of the counter, so that they become visible in their order.
create table revocations (
    number bigint not null primary key,
    token_id {id} not null,
    user_id {id} not null,
    room_id {id} not null,
    revoked_at_ms bigint not null,
    expires_at_ms bigint not null,
    revoked_by {id} not null,
    reason {id} not null
);

create index revocations_by_end on revocations (expires_at_ms);

create table counters (name {id} not null primary key, last bigint not null);
insert into counters (name, last) values ('revocations', 0);
