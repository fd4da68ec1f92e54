-- One log over all streams: each entry becomes a leaf of an RFC 6962 Merkle tree, so that a stream that was dropped, cut short or rewritten shows
-- against a root that was signed before (ARCHITECTURE.md, "The spine"; package audit/merkle). The queue is written in the transaction of the entry
-- itself; the sequencer takes what stands in it as a set.
--
-- SQLSTATEs raised here:
--   VB100 the log has another size than the one that was appended to     VB103 the hashes of a tile do not fit the leaves and what stands there
--   VB101 a leaf is no entry of the trail                                VB104 a log begins a second time, or with a name that is none
--   VB102 the entries of a stream would not follow each other in the log

-- +goose Up

create table audit.logs (
    epoch    int primary key check (epoch > 0),
    origin   text not null unique check (origin ~ '^veribatch/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/[1-9][0-9]*$'),
    began_at timestamptz not null,
    reason   text not null
);
comment on table audit.logs is 'The logs of this plant; the newest epoch is in force. An epoch ends when a log cannot go on, as after a restore.';

create table audit.log_head (
    epoch    int primary key references audit.logs,
    size     bigint not null,
    root     bytea not null check (octet_length(root) = 32),
    at       timestamptz not null,
    heads_at timestamptz
) with (fillfactor = 50);
comment on table audit.log_head is 'How far each log goes; heads_at is the time of its last heads leaf. Its row is what a sequencer compares and swaps.';

create table audit.log_leaves (
    epoch         int not null references audit.logs,
    index         bigint not null,
    stream        text,
    seq           bigint,
    hash          bytea not null check (octet_length(hash) = 32),
    heads_at      timestamptz,
    heads_streams bigint,
    primary key (epoch, index),
    constraint log_leaves_once unique (epoch, stream, seq),
    constraint log_leaves_kind check (num_nulls(stream, seq) = 0 and num_nonnulls(heads_at, heads_streams) = 0
        or num_nonnulls(stream, seq) = 0 and num_nulls(heads_at, heads_streams) = 0)
);
comment on table audit.log_leaves is 'What each leaf says: an entry with its hash, or all heads at a time with the root over them as hash. The text of a leaf is made of these columns.';

create table audit.log_tiles (
    epoch  int not null references audit.logs,
    level  int not null,
    number bigint not null,
    hashes bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    primary key (epoch, level, number)
);
alter table audit.log_tiles alter hashes set storage external; -- hashes do not compress
comment on table audit.log_tiles is 'The hashes of the tree, 256 to a tile, as C2SP tlog-tiles names them; the last tile of a level grows.';

-- The newest entry of each stream that is in the log: what a heads leaf covers, and what the next entry must follow.
create table audit.log_streams (
    epoch  int not null references audit.logs,
    stream text not null,
    seq    bigint not null,
    hash   bytea not null,
    primary key (epoch, stream)
) with (fillfactor = 70);

create table audit.log_queue (
    stream text not null,
    seq    bigint not null,
    hash   bytea not null,
    at     timestamptz not null,
    primary key (stream, seq)
) with (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

insert into audit.tables (table_name, class, reason) values
    ('audit.logs', 'evidence', 'the logs over all streams'),
    ('audit.log_head', 'evidence', 'size and root of each log'),
    ('audit.log_leaves', 'evidence', 'what each leaf of a log says'),
    ('audit.log_tiles', 'evidence', 'the hashes of a log'),
    ('audit.log_streams', 'evidence', 'the newest entry of each stream in a log');
select audit.operational('audit.log_queue', 'entries that are not in the log yet; they stand in the trail, and what is missing here is found by comparing the two');

-- +goose StatementBegin
create function audit.log_tile_grows() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if (new.epoch, new.level, new.number) is distinct from (old.epoch, old.level, old.number)
       or octet_length(new.hashes) <= octet_length(old.hashes) or substr(new.hashes, 1, octet_length(old.hashes)) <> old.hashes then
        raise exception using errcode = 'VB103', message = format('tile %s/%s: the hashes of a tile stay, and others come behind them', old.level, old.number);
    end if;
    return new;
end $$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit.log_head_grows() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.epoch <> old.epoch or new.size <= old.size or new.heads_at < old.heads_at or new.heads_at is null and old.heads_at is not null then
        raise exception using errcode = 'VB100', message = format('the log of epoch %s has %s leaves and only grows', old.epoch, old.size);
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger log_tile_grows before update on audit.log_tiles for each row execute function audit.log_tile_grows();
create trigger log_head_grows before update on audit.log_head for each row execute function audit.log_head_grows();
alter table audit.log_tiles enable always trigger log_tile_grows;
alter table audit.log_head enable always trigger log_head_grows;
-- +goose StatementBegin
do $$
declare
    t record;
begin
    for t in select * from (values ('audit.logs', 'update or delete'), ('audit.log_leaves', 'update or delete'), ('audit.log_tiles', 'delete'), ('audit.log_head', 'delete'), ('audit.log_streams', 'delete')) v (name, acts) loop
        execute format('create trigger frozen_rows before %s on %s for each row execute function audit.frozen()', t.acts, t.name);
        execute format('create trigger frozen_table before truncate on %s for each statement execute function audit.frozen()', t.name);
        execute format('alter table %s enable always trigger frozen_rows, enable always trigger frozen_table', t.name);
    end loop;
end $$;
-- +goose StatementEnd

-- Queues every entry that is not in the newest log: when a log begins, and whenever the queue lacks one. Under the lock of the head, so that nothing
-- is queued a second time while it is appended.
-- +goose StatementBegin
create function audit.log_sweep() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    newest int := (select max(l.epoch) from audit.logs l);
    n      bigint;
begin
    perform from audit.log_head h where h.epoch = newest for update;
    insert into audit.log_queue (stream, seq, hash, at)
    select e.stream, e.seq, e.hash, e.at
    from audit.heads h left join audit.log_streams s on s.epoch = newest and s.stream = h.stream
        join audit.entries e on e.stream = h.stream and e.seq > coalesce(s.seq, 0)
    where h.seq > coalesce(s.seq, 0)
    on conflict do nothing;
    get diagnostics n = row_count;
    return n;
end $$;
-- +goose StatementEnd

-- Begins the plant's first log. A site has one id, minted once.
-- +goose StatementBegin
create function audit.log_begin(site uuid, reason text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    name text := format('veribatch/%s/1', site);
begin
    lock table audit.logs in share row exclusive mode;
    perform from audit.logs;
    if found or site is null or reason is null then
        raise exception using errcode = 'VB104', message = 'a plant has one log, which begins once under the id of its site';
    end if;
    insert into audit.logs (epoch, origin, began_at, reason) values (1, name, clock_timestamp(), log_begin.reason);
    insert into audit.log_head (epoch, size, root, at) values (1, 0, sha256(''), clock_timestamp());
    perform audit.log_sweep();
    return name;
end $$;
-- +goose StatementEnd

-- The new hashes of one level, behind those that stand there.
-- +goose StatementBegin
create function audit.log_level(epoch int, level int, first bigint, hashes bytea) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    count  bigint := octet_length(hashes) / 32;
    filled int := first & 255; -- of the tile that grows
    room   int := case when first & 255 = 0 then 0 else least(256 - (first & 255), count) end;
begin
    if room > 0 then
        update audit.log_tiles t set hashes = t.hashes || substr(log_level.hashes, 1, room * 32)
        where t.epoch = log_level.epoch and t.level = log_level.level and t.number = first >> 8 and octet_length(t.hashes) = filled * 32;
        if not found then
            raise exception using errcode = 'VB103', message = format('tile %s/%s does not hold %s hashes', level, first >> 8, filled);
        end if;
    end if;
    insert into audit.log_tiles (epoch, level, number, hashes)
    select log_level.epoch, log_level.level, t, substr(log_level.hashes, (((t << 8) - first) * 32 + 1)::int, 8192)
    from generate_series((first + room) >> 8, (first + count - 1) >> 8) t where room < count;
end $$;
-- +goose StatementEnd

-- The only writer of the log. It appends entries, in the order given, or one heads leaf, to the log of the newest epoch if that has old_size leaves.
-- levels holds the new hashes of each level of tiles, from the leaves up; those of the leaves are computed here once more, from the trail.
-- +goose StatementBegin
create function audit.log_append(epoch int, old_size bigint, streams text[], seqs bigint[], heads_at timestamptz, heads_streams bigint, heads_root bytea, levels bytea[], root bytea) returns timestamptz
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    new_size bigint := old_size + case when log_append.heads_at is null then cardinality(streams) else 1 end;
    known    bigint;
    ground   bytea;
    appended timestamptz;
begin
    if num_nulls(epoch, old_size, streams, seqs, levels, root) > 0 or new_size <= old_size or (log_append.heads_at is null) = (cardinality(streams) = 0)
       or num_nulls(log_append.heads_at, log_append.heads_streams, heads_root) not in (0, 3) then
        raise exception using errcode = 'VB101', message = 'the log takes entries, or one heads leaf';
    end if;
    update audit.log_head h set size = new_size, root = log_append.root, at = clock_timestamp(), heads_at = coalesce(log_append.heads_at, h.heads_at)
    where h.epoch = log_append.epoch and h.size = old_size and not exists (select from audit.logs l where l.epoch > h.epoch)
        and (log_append.heads_at is null or log_append.heads_at <= greatest(clock_timestamp(), h.heads_at))
    returning h.at into appended;
    if not found then
        raise exception using errcode = 'VB100', message = format('the log has not %s leaves in epoch %s', old_size, epoch);
    end if;
    if log_append.heads_at is not null then
        select count(*) into known from audit.log_streams s where s.epoch = log_append.epoch;
        if known <> log_append.heads_streams then
            raise exception using errcode = 'VB101', message = format('a heads leaf covers the %s streams of the log', known);
        end if;
        insert into audit.log_leaves (epoch, index, hash, heads_at, heads_streams) values (log_append.epoch, old_size, heads_root, log_append.heads_at, log_append.heads_streams);
        ground := audit.log_hash(format(E'heads %s %s %s\n', to_char(log_append.heads_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), log_append.heads_streams, encode(heads_root, 'hex')));
    else
        ground := audit.log_entries(epoch, old_size, streams, seqs);
    end if;
    if levels[1] is distinct from ground then
        raise exception using errcode = 'VB101', message = 'the hash of a leaf is not that of its entry';
    end if;
    for level in 0 .. cardinality(levels) loop
        if coalesce(octet_length(levels[level + 1]), 0) <> 32 * ((new_size >> 8 * level) - (old_size >> 8 * level)) then
            raise exception using errcode = 'VB103', message = format('level %s of the log would have too many or too few hashes', level);
        end if;
        if octet_length(levels[level + 1]) > 0 then
            perform audit.log_level(epoch, level, old_size >> 8 * level, levels[level + 1]);
        end if;
    end loop;
    return appended;
end $$;
-- +goose StatementEnd

-- Hash of a leaf (RFC 6962, section 2.1).
-- +goose StatementBegin
create function audit.log_hash(leaf text) returns bytea
language sql immutable
set search_path = pg_catalog, pg_temp
return sha256('\x00'::bytea || convert_to(leaf, 'UTF8'));
-- +goose StatementEnd

-- Takes entries from the queue into the log and gives the hashes of their leaves.
-- +goose StatementBegin
create function audit.log_entries(epoch int, old_size bigint, streams text[], seqs bigint[]) returns bytea
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    known  bigint;
    ground bytea;
begin
    perform from (select g.stream, g.seq, lag(g.seq) over (partition by g.stream order by g.n) as before from unnest(streams, seqs) with ordinality g (stream, seq, n)) g
        left join audit.log_streams s on s.epoch = log_entries.epoch and s.stream = g.stream
    where g.seq is distinct from coalesce(g.before, s.seq, 0) + 1;
    if found then
        raise exception using errcode = 'VB102', message = 'the entries of a stream come into the log one after the other, each once';
    end if;
    with leaves as (
        insert into audit.log_leaves (epoch, index, stream, seq, hash)
        select log_entries.epoch, old_size + g.n - 1, e.stream, e.seq, e.hash
        from unnest(streams, seqs) with ordinality g (stream, seq, n) join audit.entries e on e.stream = g.stream and e.seq = g.seq
        returning index, stream, seq, hash
    )
    select count(*), string_agg(audit.log_hash(concat('entry ', l.stream, ' ', l.seq, ' ', encode(l.hash, 'hex'), E'\n')), '' order by l.index) into known, ground from leaves l;
    if known <> cardinality(streams) then
        raise exception using errcode = 'VB101', message = 'a leaf names an entry that the trail does not have';
    end if;
    insert into audit.log_streams (epoch, stream, seq, hash)
    select distinct on (l.stream) l.epoch, l.stream, l.seq, l.hash from audit.log_leaves l
    where l.epoch = log_entries.epoch and l.index >= old_size order by l.stream, l.seq desc
    on conflict on constraint log_streams_pkey do update set seq = excluded.seq, hash = excluded.hash;
    delete from audit.log_queue q using unnest(streams, seqs) g (stream, seq) where q.stream = g.stream and q.seq = g.seq;
    return ground;
end $$;
-- +goose StatementEnd

-- As in 00001, and the entry is queued for the log.
-- +goose StatementBegin
create or replace function audit.seal() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    d      audit.desk;
    bytes  bytea;
    digest bytea;
begin
    update audit.desk k set sealed = true
    where k.backend = pg_backend_pid() and k.xid = pg_current_xact_id() and not k.sealed returning k.* into d;
    if not found then
        return null;
    end if;
    if d.ticket is not null and not d.refused then
        perform from ebr.signatures g where g.ticket = d.ticket and g.person = d.person;
        if not found then
            raise exception using errcode = 'VB012', message = 'an act under a signing ticket carries its signature';
        end if;
    end if;
    bytes := convert_to(concat(d.opening, case when d.refused then ',"refused":true' end, d.details, ',"changes":[', substr(d.changes, 2), ']}'), 'UTF8');
    digest := sha256(bytes);
    insert into audit.entries (stream, seq, at, person, act, refused, body, hash) values (d.stream, d.seq, d.at, d.person, d.act, d.refused, bytes, digest);
    insert into audit.log_queue (stream, seq, hash, at) values (d.stream, d.seq, digest, d.at);
    update audit.heads h set seq = d.seq, hash = digest, at = d.at where h.stream = d.stream;
    if d.also <> '{}' then
        insert into audit.subjects (subject, at, stream, seq) select distinct s, d.at, d.stream, d.seq from unnest(d.also) s;
    end if;
    return null;
end $$;
-- +goose StatementEnd

select audit.log_sweep();
revoke execute on function audit.log_append, audit.log_begin, audit.log_sweep, audit.log_entries, audit.log_level, audit.log_hash, audit.log_tile_grows, audit.log_head_grows from public;
grant execute on function audit.log_append, audit.log_begin, audit.log_sweep to app;
grant select on audit.logs, audit.log_head, audit.log_leaves, audit.log_tiles, audit.log_streams, audit.log_queue to app;
