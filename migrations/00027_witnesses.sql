-- Cosignatures of witnesses (package audit/witness): other hands have seen how far the log was, and that it grew from what they saw before.
--
-- SQLSTATEs raised here:
--   VB110 a cosignature is not of a checkpoint that is kept

-- +goose Up

create table audit.cosignatures (
    epoch   int not null,
    size    bigint not null,
    witness text not null check (char_length(witness) <= 400),
    at      timestamptz not null,
    line    text not null check (char_length(line) <= 600),
    primary key (epoch, size, witness),
    foreign key (epoch, size) references audit.checkpoints
);
comment on table audit.cosignatures is 'What witnesses signed under checkpoints: witness is the whole line of its key, line the signature line, at the time in it.';

-- The witnesses that the server was started with, and what each answered last; overwritten every few seconds.
create table audit.witness_state (
    witness    text primary key,
    url        text not null,
    active     boolean not null,
    quorum     int not null,
    added_at   timestamptz not null,
    epoch      int not null default 0,
    size       bigint not null default 0,
    at         timestamptz,
    problem    text not null default '',
    refused    boolean not null default false,
    since      timestamptz not null
);

insert into audit.tables (table_name, class, reason) values ('audit.cosignatures', 'evidence', 'what witnesses signed under checkpoints');
select audit.operational('audit.witness_state', 'the witnesses of the command line and the last answer of each; what they signed is evidence');
grant select, insert, update on audit.witness_state to app;
grant select on audit.cosignatures to app;
create trigger frozen_rows before update or delete on audit.cosignatures for each row execute function audit.frozen();
create trigger frozen_table before truncate on audit.cosignatures for each statement execute function audit.frozen();
alter table audit.cosignatures enable always trigger frozen_rows, enable always trigger frozen_table;

-- Keeps a cosignature of a checkpoint that is kept. Whether it is good is asked by whoever reads it.
-- +goose StatementBegin
create function audit.keep_cosignature(epoch int, size bigint, witness text, at timestamptz, line text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform from audit.checkpoints c where c.epoch = keep_cosignature.epoch and c.size = keep_cosignature.size;
    if not found then
        raise exception using errcode = 'VB110', message = format('no checkpoint of %s leaves of epoch %s is kept', size, epoch);
    end if;
    insert into audit.cosignatures (epoch, size, witness, at, line)
    values (keep_cosignature.epoch, keep_cosignature.size, keep_cosignature.witness, keep_cosignature.at, keep_cosignature.line) on conflict do nothing;
end $$;
-- +goose StatementEnd
revoke execute on function audit.keep_cosignature from public;
grant execute on function audit.keep_cosignature to app;
