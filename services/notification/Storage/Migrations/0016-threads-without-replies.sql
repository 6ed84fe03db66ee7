-- Who is mentioned in a message follows the thread that may begin with it. When that was, until somebody answers: what is never answered is not kept for ever.
alter table notification_threads add column unanswered_at_ms bigint;
update notification_threads set unanswered_at_ms = (select coalesce(max(created_at_ms), 0) from notification_inbox)
    where not exists (select 1 from notification_replies r where r.root_id = notification_threads.root_id);
create index notification_threads_unanswered on notification_threads (unanswered_at_ms) where unanswered_at_ms is not null;
