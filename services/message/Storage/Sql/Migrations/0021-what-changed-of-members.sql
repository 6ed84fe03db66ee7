-- 21 and 40 are the field numbers of RoomEvent.member and RoomEvent.room_updated: who resumes is told the newest of them.
create index room_log_places on room_log (room_id, seq) where kind in (21, 40);
