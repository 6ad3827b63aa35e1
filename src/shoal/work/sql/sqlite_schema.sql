-- Work queues in one SQLite file. Nothing remains of an item that is done but a count.

create table if not exists queue (
    id integer primary key,
    name text not null unique,
    -- Since the queue was purged last. What is neither done nor dead is in `item`.
    added integer not null default 0,
    done integer not null default 0,
    dead integer not null default 0
);

-- Ids are never used again, so that dead items keep theirs.
create table if not exists item (
    id integer primary key autoincrement,
    queue integer not null,
    -- 0 for an item that has never been leased; else the time, in seconds since the epoch, from
    -- which it may be: the end of its lease, or of its delay.
    due_s real not null default 0,
    attempts integer not null default 0,
    -- Of the lease; null while there is none.
    nonce text,
    holder text,
    body text not null
);

-- One index finds what came back, what is new (in the order of rowids, which every index holds),
-- and counts what is not to be had: a handful, however many items wait.
create index if not exists item_by_due on item (queue, due_s);

create table if not exists dead (
    id integer primary key,
    queue integer not null,
    attempts integer not null,
    reason text not null,
    body text not null
);

create index if not exists dead_by_queue on dead (queue);

-- How many items of a batch are in, and which: a digest of their bodies.
create table if not exists batch (
    queue integer not null,
    name text not null,
    added integer not null,
    digest text not null,
    primary key (queue, name)
) without rowid;
