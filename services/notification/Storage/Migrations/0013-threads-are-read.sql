-- What users have to do with threads. choice: 0 only the mark is known, 1 the user follows it, 2 the user chose not to. All up to read_seq is read.
alter table notification_threads add column choice integer not null default 1;
alter table notification_threads add column read_seq bigint not null default 0;
create index notification_threads_by_room on notification_threads (room_id);

-- The replies of each thread that were not deleted.
create table notification_replies (
    room_id {id} not null,
    seq bigint not null,
    root_id {id} not null,
    user_id {id} not null,
    partition integer not null,
    created_at_ms bigint not null,
    primary key (room_id, seq)
) {clustered};
create index notification_replies_by_thread on notification_replies (root_id, seq);
create index notification_replies_by_partition on notification_replies (partition);
