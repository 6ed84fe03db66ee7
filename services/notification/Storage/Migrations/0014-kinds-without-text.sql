-- What a notification's kind would be if its message said nothing of its user; empty: there would be none.
alter table notification_inbox add column otherwise text not null default '';
update notification_inbox set otherwise = kind where kind in ('direct', 'reply', 'thread');
