-- The audit log is asked by whom, to whom and where.
create index audit_by_actor on audit (actor_id, at_ms, id);
create index audit_by_target on audit (target_id, at_ms, id) where target_id <> '';
create index audit_by_room on audit (room_id, at_ms, id) where room_id <> '';
