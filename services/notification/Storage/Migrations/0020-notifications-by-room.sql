-- What is told of a room goes when who was told may not read it any more, and when it is no more.
create index notification_inbox_by_room on notification_inbox (room_id, seq) where room_id <> '';
