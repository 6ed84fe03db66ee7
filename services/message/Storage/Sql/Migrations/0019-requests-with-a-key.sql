-- Requests of HTTP clients that carry a key: which attempt has one, and what it was answered.
create table requests (
    user_id {id} not null,
    request_id {id} not null,
    fingerprint {id} not null,
    claim {id} not null,
    answer {bytes},
    until_ms bigint not null,
    primary key (user_id, request_id)
);

create index requests_by_end on requests (until_ms);
