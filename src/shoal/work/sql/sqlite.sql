-- name: find_queue
select id from queue where name = ?;

-- name: add_queue
insert into queue (name) values (?) on conflict (name) do nothing;

-- name: add_item
insert into item (queue, body) values (?, ?);

-- name: count_added
update queue set added = added + ? where id = ?;

-- name: count_done
update queue set done = done + ? where id = ?;

-- name: count_dead
update queue set dead = dead + ? where id = ?;

-- name: read_batch
select added, digest from batch where queue = ? and name = ?;

-- name: write_batch
insert into batch (queue, name, added, digest) values (?, ?, ?, ?)
on conflict (queue, name) do update set added = excluded.added, digest = excluded.digest;

-- name: returned
-- What came back, and may be leased by now.
select id, attempts, holder, body from item
where queue = ? and due_s > 0 and due_s <= ? order by due_s, id limit ?;

-- name: fresh
select id, attempts, holder, body from item where queue = ? and due_s = 0 order by id limit ?;

-- name: lease
update item set due_s = ?, nonce = ?, holder = ?, attempts = attempts + 1 where id = ?;

-- name: renew
update item set due_s = ? where id = ? and nonce = ? and queue = ?;

-- name: finish
delete from item where id = ? and nonce = ? and queue = ?;

-- name: find_lease
select attempts, body from item where id = ? and nonce = ? and queue = ?;

-- name: give_back
update item set due_s = ?, attempts = ?, nonce = null, holder = null where id = ?;

-- name: drop_item
delete from item where id = ?;

-- name: bury
insert into dead (id, queue, attempts, reason, body) values (?, ?, ?, ?, ?);

-- name: size
-- Those that came back are counted with the ready ones, by what is left.
select queue.added, queue.done, queue.dead,
    count(item.id) filter (where item.nonce is not null),
    count(item.id) filter (where item.nonce is null and item.id is not null)
from queue left join item on item.queue = queue.id and item.due_s > ?
where queue.name = ? group by queue.id;

-- name: sizes
select queue.name, queue.added, queue.done, queue.dead,
    count(item.id) filter (where item.nonce is not null),
    count(item.id) filter (where item.nonce is null and item.id is not null)
from queue left join item on item.queue = queue.id and item.due_s > ?
where queue.added > 0 group by queue.id order by queue.name;

-- name: dead_letters
select id, body, attempts, reason from dead where queue = ? order by id limit ?;

-- name: revive
insert into item (id, queue, due_s, body)
select id, queue, ?, body from dead where queue = ? and id = ?;

-- name: drop_dead
delete from dead where queue = ? and id = ?;

-- name: purge_items
delete from item where queue = ?;

-- name: purge_dead
delete from dead where queue = ?;

-- name: purge_batches
delete from batch where queue = ?;

-- name: purge_counts
update queue set added = 0, done = 0, dead = 0 where id = ?;
