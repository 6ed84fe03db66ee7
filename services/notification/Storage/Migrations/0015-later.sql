-- What is decided and told later: some of the users whom an entry concerns, and what they are told, as JSON. The oldest parts of a partition come first.
create table notification_later (
    partition integer not null,
    part_id {id} not null,
    event_id {id} not null,
    message_id {id} not null,
    room_id {id} not null,
    seq bigint not null,
    actor_id {id} not null,
    content text not null,
    primary key (partition, part_id)
) {clustered};
create index notification_later_by_message on notification_later (message_id);
create index notification_later_by_room on notification_later (room_id, seq);
create index notification_later_by_actor on notification_later (actor_id);
