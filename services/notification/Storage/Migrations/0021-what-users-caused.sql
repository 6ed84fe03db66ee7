-- All that is known of a user may be deleted: also what others were told of the user's doing.
create index notification_inbox_by_actor on notification_inbox (actor_id) where actor_id <> '';
create index notification_threads_by_user on notification_threads (user_id);
create index notification_members_by_user on notification_members (user_id);
