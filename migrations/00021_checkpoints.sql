-- Signed checkpoints of the log (package audit/checkpoint): what a signer with a memory outside the database has signed. A database that was put back,
-- cut or forked does not grow from what was signed; then the signer refuses, and quality assurance has the log continued in a new epoch by a signature.
--
-- SQLSTATEs raised here:
--   VB105 a checkpoint is not one of the log that stands here     VB106 a log is continued without a signed act, or as no later epoch

-- +goose Up

-- The keys with which checkpoints were signed. The site key vouches for each in its entry.
create table ebr.checkpoint_keys (
    id          text primary key check (id ~ '^[0-9a-f]{32}$'),
    public_key  bytea not null check (octet_length(public_key) = 32),
    recorded_at timestamptz not null,
    constraint checkpoint_keys_named check (id = left(encode(sha256(public_key), 'hex'), 32))
);
select audit.attach('ebr.checkpoint_keys');
grant select, insert on ebr.checkpoint_keys to app;
create trigger entry_guard after insert on ebr.checkpoint_keys for each row execute function ebr.entry_guard('key.register log.continue', '', 'recorded_at');
alter table ebr.checkpoint_keys enable always trigger entry_guard;

alter table audit.logs add column signature uuid references ebr.signatures unique,
    add constraint logs_continued check ((epoch = 1) = (signature is null));

create table audit.checkpoints (
    epoch    int not null references audit.logs,
    size     bigint not null check (size > 0),
    at       timestamptz not null,
    heads_at timestamptz,
    note     text not null check (char_length(note) <= 20000),
    primary key (epoch, size)
);
comment on table audit.checkpoints is 'Signed checkpoints that are kept: one for each leaf over all streams, and those of exports. heads_at is the time of the newest such leaf in it.';

-- The newest checkpoint, and how the signer answered last; one row, overwritten every few seconds.
create table audit.checkpoint_state (
    id         boolean primary key default true check (id),
    epoch      int,
    size       bigint not null default 0,
    at         timestamptz,
    note       text not null default '',
    key        bytea,
    problem    text not null default '',
    refusal    jsonb,
    since      timestamptz not null,
    watched_at timestamptz not null
);

insert into audit.tables (table_name, class, reason) values ('audit.checkpoints', 'evidence', 'signed checkpoints of the log');
select audit.operational('audit.checkpoint_state', 'the newest checkpoint and the last answer of the signer, asked every few seconds; those that are kept are evidence');
grant select, insert, update on audit.checkpoint_state to app;
grant select on audit.checkpoints to app;
create trigger frozen_rows before update or delete on audit.checkpoints for each row execute function audit.frozen();
create trigger frozen_table before truncate on audit.checkpoints for each statement execute function audit.frozen();
alter table audit.checkpoints enable always trigger frozen_rows, enable always trigger frozen_table;

-- Keeps a checkpoint of the log that stands here. Whether its signatures are good is asked by whoever reads it.
-- +goose StatementBegin
create function audit.keep_checkpoint(epoch int, size bigint, at timestamptz, heads_at timestamptz, note text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from audit.logs l join audit.log_head h using (epoch)
    where l.epoch = keep_checkpoint.epoch and h.size >= keep_checkpoint.size and starts_with(keep_checkpoint.note, format(E'%s\n%s\n', l.origin, keep_checkpoint.size))
        and (h.size > keep_checkpoint.size or starts_with(keep_checkpoint.note, format(E'%s\n%s\n%s\n\n', l.origin, h.size, encode(h.root, 'base64'))));
    if not found then
        raise exception using errcode = 'VB105', message = format('this is no checkpoint of %s leaves of the log of epoch %s', size, epoch);
    end if;
    insert into audit.checkpoints (epoch, size, at, heads_at, note)
    values (keep_checkpoint.epoch, keep_checkpoint.size, keep_checkpoint.at, keep_checkpoint.heads_at, keep_checkpoint.note) on conflict do nothing;
end $$;
-- +goose StatementEnd

-- Begins the log anew as a later epoch, within the signed act log.continue: all entries that stand here come into it once more.
-- +goose StatementBegin
create function audit.log_continue(epoch int, reason text, signature uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    newest audit.logs;
    name   text;
begin
    lock table audit.logs in share row exclusive mode;
    select l.* into newest from audit.logs l order by l.epoch desc limit 1;
    perform from audit.desk d join ebr.signatures g on g.id = log_continue.signature and g.ticket = d.ticket
    where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id() and d.act = 'log.continue' and not d.refused;
    if not found or newest.epoch is null or log_continue.epoch <= newest.epoch then
        raise exception using errcode = 'VB106', message = 'a log is continued by a signed act, as a later epoch';
    end if;
    name := format('%s/%s', left(newest.origin, -length('/' || newest.epoch)), log_continue.epoch);
    perform from audit.log_head h where h.epoch = newest.epoch for update;
    insert into audit.logs (epoch, origin, began_at, reason, signature) values (log_continue.epoch, name, clock_timestamp(), log_continue.reason, log_continue.signature);
    insert into audit.log_head (epoch, size, root, at) values (log_continue.epoch, 0, sha256(''), clock_timestamp());
    perform audit.log_sweep();
    return name;
end $$;
-- +goose StatementEnd
revoke execute on function audit.keep_checkpoint, audit.log_continue from public;
grant execute on function audit.keep_checkpoint, audit.log_continue to app;
