-- How far each user has read a room: all up to seq. Own messages after own_after count as reading, too: it is seq, or the room's end when the mark was set back.
create table read_marks (
    room_id {id} not null,
    user_id {id} not null,
    seq bigint not null,
    own_after bigint not null,
    primary key (room_id, user_id)
) {clustered};

-- What members of before have read was not recorded: all of it.
insert into read_marks (room_id, user_id, seq, own_after)
select m.room_id, m.user_id, h.seq, h.seq
from members m
join (select room_id, max(seq) as seq from room_log group by room_id) h on h.room_id = m.room_id
where m.role <> '';
