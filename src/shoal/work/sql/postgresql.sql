-- name: plan_by_index
-- The planner does not know how few rows a limit leaves, and would read whole tables to find them.
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;

-- name: limit_time
-- Whoever asks waits no longer for a lock, or a server that is busy.
select set_config('statement_timeout', (%(timeout_s)s::numeric * 1000)::bigint::text, false);

-- name: has_schema
select to_regclass('shoal_work_batch') is not null;

-- name: lock_schema
-- The number is this program's own; two that begin at once would else both make the tables.
select pg_advisory_xact_lock(7146825580);

-- name: share_queue
-- Whoever writes shares the queue; a purge has it alone, or it would forget the count of items that
-- are written at the same time, and not the items. Others take their share in the statement that
-- writes, before its first row: what a purge took meanwhile is not found there any more.
select pg_advisory_xact_lock_shared(714682558, hashtext(%(queue)s));

-- name: take_queue
select pg_advisory_xact_lock(714682558, hashtext(%(queue)s));

-- name: lock_batch
-- Whoever else puts the same batch waits until this transaction has ended.
insert into shoal_work_batch as batch (queue, name, added, digest)
values (%(queue)s, %(batch)s, 0, '')
on conflict (queue, name) do update set added = batch.added
returning added, digest;

-- name: write_batch
update shoal_work_batch set added = %(added)s, digest = %(digest)s
where queue = %(queue)s and name = %(batch)s;

-- name: put
with added as (
    insert into shoal_work_item (queue, body)
    select %(queue)s, body
    from unnest(%(bodies)s::text[]) with ordinality as given (body, place) order by place
    returning id
)
insert into shoal_work_tally as tally (queue, slot, added)
select %(queue)s, pg_backend_pid() %% 16, count(*) from added
on conflict (queue, slot) do update set added = tally.added + excluded.added;

-- name: lease
with turn as materialized (
    select pg_advisory_xact_lock_shared(714682558, hashtext(%(queue)s))
), clock as materialized (
    select extract(epoch from clock_timestamp())::double precision as now_s from turn
), returned as materialized (
    select id, due_s from shoal_work_item
    where queue = %(queue)s and due_s > 0 and due_s <= (select now_s from clock)
    order by due_s, id limit %(count)s for update skip locked
), fresh as materialized (
    select id, due_s from shoal_work_item
    where queue = %(queue)s and due_s = 0 and id > %(after)s
    order by id limit greatest(%(count)s - (select count(*) from returned), 0)
    for update skip locked
), spent as (
    delete from shoal_work_item as item using returned
    where item.queue = %(queue)s and item.id = returned.id and item.attempts >= %(max_attempts)s
    returning item.id, item.attempts, item.holder, item.body
), buried as (
    insert into shoal_work_dead (id, queue, attempts, reason, body)
    select id, %(queue)s, attempts,
        coalesce('the lease of ' || holder || ' ran out', 'no attempt is left'), body
    from spent
), counted as (
    insert into shoal_work_tally as tally (queue, slot, dead)
    select %(queue)s, pg_backend_pid() %% 16, count(*) from spent having count(*) > 0
    on conflict (queue, slot) do update set dead = tally.dead + excluded.dead
), leased as (
    update shoal_work_item as item
    set due_s = (select now_s from clock) + %(lease_s)s, nonce = %(nonce)s, holder = %(holder)s,
        attempts = attempts + 1
    from (select * from returned union all select * from fresh) as found
    where item.queue = %(queue)s and item.id = found.id and item.attempts < %(max_attempts)s
    returning item.id, item.attempts, item.body, item.due_s as until_s, found.due_s
)
select id, attempts, body, until_s, due_s, false from leased
union all
select id, attempts, '', 0, 0, true from spent;

-- name: renew
with turn as materialized (
    select pg_advisory_xact_lock_shared(714682558, hashtext(%(queue)s))
)
update shoal_work_item
set due_s = extract(epoch from clock_timestamp())::double precision + %(lease_s)s
from turn where queue = %(queue)s
    and (id, nonce) in (select * from unnest(%(ids)s::bigint[], %(nonces)s::text[]))
returning id, nonce;

-- name: finish
with turn as materialized (
    select pg_advisory_xact_lock_shared(714682558, hashtext(%(queue)s))
), gone as (
    delete from shoal_work_item using turn
    where queue = %(queue)s
        and (id, nonce) in (select * from unnest(%(ids)s::bigint[], %(nonces)s::text[]))
    returning id, nonce
), counted as (
    insert into shoal_work_tally as tally (queue, slot, done)
    select %(queue)s, pg_backend_pid() %% 16, count(*) from gone having count(*) > 0
    on conflict (queue, slot) do update set done = tally.done + excluded.done
)
select id, nonce from gone;

-- name: give_back
with turn as materialized (
    select pg_advisory_xact_lock_shared(714682558, hashtext(%(queue)s))
), clock as materialized (
    select extract(epoch from clock_timestamp())::double precision as now_s
), held as materialized (
    select id, nonce, attempts from shoal_work_item, turn
    where queue = %(queue)s
        and (id, nonce) in (select * from unnest(%(ids)s::bigint[], %(nonces)s::text[]))
    for update
), spent as (
    delete from shoal_work_item as item using held
    where item.queue = %(queue)s and item.id = held.id and %(uses_attempt)s and held.attempts >= %(max_attempts)s
    returning item.id, item.attempts, item.body
), buried as (
    insert into shoal_work_dead (id, queue, attempts, reason, body)
    select id, %(queue)s, attempts, %(reason)s, body from spent
), counted as (
    insert into shoal_work_tally as tally (queue, slot, dead)
    select %(queue)s, pg_backend_pid() %% 16, count(*) from spent having count(*) > 0
    on conflict (queue, slot) do update set dead = tally.dead + excluded.dead
), given_back as (
    update shoal_work_item as item
    set due_s = (select now_s from clock) + %(delay_s)s,
        attempts = item.attempts - case when %(uses_attempt)s then 0 else 1 end,
        nonce = null, holder = null
    from held
    where item.queue = %(queue)s and item.id = held.id
        and not (%(uses_attempt)s and held.attempts >= %(max_attempts)s)
)
select id, nonce from held;

-- name: size
select coalesce(sum(added), 0)::bigint, coalesce(sum(done), 0)::bigint,
    coalesce(sum(dead), 0)::bigint,
    (select count(*) from shoal_work_item
     where queue = %(queue)s and nonce is not null
        and due_s > extract(epoch from statement_timestamp())::double precision),
    (select count(*) from shoal_work_item
     where queue = %(queue)s and nonce is null
        and due_s > extract(epoch from statement_timestamp())::double precision)
from shoal_work_tally where queue = %(queue)s;

-- name: sizes
with waiting as (
    select queue, count(*) filter (where nonce is not null) as leased,
        count(*) filter (where nonce is null) as delayed
    from shoal_work_item where due_s > extract(epoch from statement_timestamp())::double precision
    group by queue
)
select queue, sum(added)::bigint, sum(done)::bigint, sum(dead)::bigint,
    coalesce(max(leased), 0), coalesce(max(delayed), 0)
from shoal_work_tally left join waiting using (queue)
group by queue having sum(added) > 0 order by queue collate "C";

-- name: peek
(select id, body from shoal_work_item
 where queue = %(queue)s and due_s > 0
    and due_s <= extract(epoch from statement_timestamp())::double precision
 order by due_s, id limit %(count)s)
union all
(select id, body from shoal_work_item
 where queue = %(queue)s and due_s = 0 order by id limit %(count)s)
limit %(count)s;

-- name: dead_letters
select id, body, attempts, reason from shoal_work_dead
where queue = %(queue)s order by id limit %(count)s;

-- name: revive
with turn as materialized (
    select pg_advisory_xact_lock_shared(714682558, hashtext(%(queue)s))
), clock as materialized (
    select extract(epoch from clock_timestamp())::double precision as now_s
), gone as (
    delete from shoal_work_dead using turn
    where queue = %(queue)s and (%(ids)s::bigint[] is null or id = any(%(ids)s::bigint[]))
    returning id, body
), back as (
    insert into shoal_work_item (id, queue, due_s, body)
    select id, %(queue)s, (select now_s from clock), body from gone
), counted as (
    insert into shoal_work_tally as tally (queue, slot, dead)
    select %(queue)s, pg_backend_pid() %% 16, - count(*) from gone having count(*) > 0
    on conflict (queue, slot) do update set dead = tally.dead + excluded.dead
)
select count(*) from gone;

-- name: purge
with items as (
    delete from shoal_work_item where queue = %(queue)s returning id
), dead as (
    delete from shoal_work_dead where queue = %(queue)s returning id
), batches as (
    delete from shoal_work_batch where queue = %(queue)s
), counts as (
    delete from shoal_work_tally where queue = %(queue)s
)
select (select count(*) from items) + (select count(*) from dead);
