-- The data file of the SQLite store, schema version 1.

-- Facts about the file: `schema_version`, and `log_floor`, the newest revision that is no longer
-- in the log. The store's revision is the log's newest, or the floor when the log is empty, so it
-- survives the deletion of every object.
create table if not exists meta (
    key text primary key,
    value integer not null
) without rowid;

-- What exists now. A rowid table: values of a few kilobytes are too big for a clustered key.
create table if not exists obj (
    key text primary key,
    revision integer not null,
    create_revision integer not null,
    value blob not null
);

-- Every recent write, so that watches resume after a restart. It is an undo log: a row keeps the
-- value before the write. The value after it is the row before that of the same key's next write,
-- or what `obj` holds, so that no value is written twice. Only a delete brings its own (`final`).
create table if not exists log (
    revision integer primary key,
    type text not null,
    key text not null,
    previous blob,
    final blob
);
