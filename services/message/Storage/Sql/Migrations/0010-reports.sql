-- 41 is the field number of RoomEvent.reported.
create index room_log_reports on room_log (room_id, seq) where kind = 41;
