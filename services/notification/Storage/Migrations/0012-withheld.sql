-- What users were not told, or not pushed, and why: for a few days, to explain it and to sum it up. digest: 0 it is not for the digest, 1 it waits for it, 2 it was
-- in one. notification_id is empty for what is not in the inbox.
create table notification_withheld (
    user_id {id} not null,
    event_id {id} not null,
    message_id {id} not null,
    room_id {id} not null,
    seq bigint not null,
    kind text not null,
    reason text not null,
    notification_id {id} not null,
    decided_at_ms bigint not null,
    digest integer not null,
    primary key (user_id, event_id)
) {clustered};
create index notification_withheld_by_message on notification_withheld (message_id) where message_id <> '';
create index notification_withheld_by_room on notification_withheld (room_id, seq) where room_id <> '';
create index notification_withheld_by_time on notification_withheld (decided_at_ms);
create index notification_withheld_waiting on notification_withheld (user_id, decided_at_ms) where digest = 1;

-- Of a digest: what it sums up, as JSON.
alter table notification_inbox add column rooms text;

-- The last pushes of each user, a row for each tag that was decided, and what became of each for the devices.
create table notification_pushed (
    user_id {id} not null,
    push_id {id} not null,
    tag {id} not null,
    up_to_useq bigint not null,
    outcome text not null,
    shown_id {id} not null,
    at_ms bigint not null,
    primary key (user_id, push_id, tag)
) {clustered};

create table notification_push_outcomes (
    user_id {id} not null,
    push_id {id} not null,
    device_id {id} not null,
    host text not null,
    outcome text not null,
    attempts integer not null,
    at_ms bigint not null,
    error text not null,
    primary key (user_id, push_id, device_id)
) {clustered};
