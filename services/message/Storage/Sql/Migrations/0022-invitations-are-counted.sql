-- Of a room only so many wait.
create index members_who_are_invited on members (room_id) where invited_by <> '';
