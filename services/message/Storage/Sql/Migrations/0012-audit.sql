-- Who did what to others: never changed, read from the newest back.
create table audit (
    id {id} not null primary key,
    at_ms bigint not null,
    actor_id {id} not null,
    action {id} not null,
    room_id {id} not null,
    target_id {id} not null,
    detail {id} not null
);

create index audit_by_time on audit (at_ms, id);
