-- Users whose data are deleted, and how far that is: for each partition the room that is being looked at, and up to which seq it is done.
create table user_erasures (
    user_id {id} primary key,
    requested_by {id} not null,
    keeps_messages boolean not null,
    requested_at_ms bigint not null,
    rooms_done boolean not null,
    presence_done boolean not null,
    notifications_done boolean not null,
    completed_at_ms bigint not null
);
create index user_erasures_open on user_erasures (requested_at_ms) where completed_at_ms = 0;

create table user_erasure_parts (
    user_id {id} not null,
    partition integer not null,
    room_id {id} not null,
    seq bigint not null,
    done boolean not null,
    primary key (user_id, partition)
) {clustered};
