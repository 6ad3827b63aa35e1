-- name: read_meta
-- All facts about the file.
select key, value from meta;

-- name: write_meta
insert into meta (key, value) values (?, ?)
on conflict (key) do update set value = excluded.value;

-- name: read_objects
select key, value, revision, create_revision from obj;

-- name: read_log
-- Newest first, so that each row's value after the write is known when it is met.
select revision, type, key, previous, final from log order by revision desc;

-- name: put_objects
-- The row of values is repeated: one statement for many objects, because the interpreter lock is
-- let go and taken again around every statement.
insert into obj (key, revision, create_revision, value) values (?, ?, ?, ?)
on conflict (key) do update set revision = excluded.revision, value = excluded.value,
    create_revision = excluded.create_revision;

-- name: drop_objects
-- The row of values is repeated.
delete from obj where key in (values (?));

-- name: append_log
-- The row of values is repeated.
insert into log (revision, type, key, previous, final) values (?, ?, ?, ?, ?);

-- name: trim_log
delete from log where revision <= ?;
