-- settings is a RoomSettings, null for rooms that have nothing but a kind. A deleted room keeps its row, so that its id is not used again.
alter table rooms add column settings {bytes};
alter table rooms add column community {id} not null default '';
alter table rooms add column deleted boolean not null default false;
create index rooms_by_community on rooms (community, room_id) where community <> '';

-- 0 when a ban or a mute does not end by itself. invited_by is empty for who has no invitation that waits for an answer.
alter table members add column banned_until_ms bigint not null default 0;
alter table members add column muted boolean not null default false;
alter table members add column muted_until_ms bigint not null default 0;
alter table members add column invited_by {id} not null default '';

-- A room's last owner does not leave it.
create index members_who_own on members (room_id) where role = 'owner';
