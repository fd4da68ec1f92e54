-- Incidents of the system itself (EU GMP Annex 11 clause 13): what failed, which batches it may have touched, and what quality assurance
-- judged. The server opens them; people judge each batch and close.
--
-- SQLSTATE raised here:
--   VB055 an incident or its judgement would be written by somebody else, in another act, or rewritten

-- +goose Up

-- No value of a batch stands here: summary names the place in the program, and cause is what makes two occurrences the same.
create table ebr.incidents (
    id              uuid primary key,
    number          text not null constraint incidents_number_once unique check (number ~ '^I-[0-9]{4}-[0-9]{6,}$'),
    kind            text not null check (kind in ('internal_error', 'unclean_restart', 'failed_job', 'verify_alarm', 'clock', 'backup', 'certificate')),
    cause           text not null check (cause ~ '^[0-9a-f]{64}$'),
    summary         text not null check (char_length(summary) between 1 and 2000),
    first_reference text not null check (char_length(first_reference) <= 40),
    first_at        timestamptz not null,
    last_reference  text not null check (char_length(last_reference) <= 40),
    last_at         timestamptz not null check (last_at >= first_at),
    occurrences     bigint not null check (occurrences > 0),
    opened_at       timestamptz not null,
    root_cause      text not null default '' check (char_length(root_cause) <= 4000),
    action          text not null default '' check (char_length(action) <= 4000),
    closed_by       uuid references ebr.people,
    closed_at       timestamptz,
    signature       uuid constraint incidents_signature_once unique references ebr.signatures,
    version         int not null default 1,
    constraint incidents_closed check ((closed_at is null) = (closed_by is null) and (closed_at is null) = (signature is null)
        and (closed_at is null) = (root_cause = '') and (closed_at is null) = (action = ''))
);
comment on column ebr.incidents.cause is 'SHA-256 of kind and place: an occurrence of the same cause is counted on the open incident.';
comment on column ebr.incidents.first_at is 'When it happened; opened_at is when it could be written.';
create index incidents_in_order on ebr.incidents ((closed_at is null), opened_at, id);
create index incidents_open on ebr.incidents (cause) where closed_at is null;

-- Which batches an incident may have touched. disposition is the judgement on one batch: '' until it is made, and again when the incident
-- strikes the batch once more.
create table ebr.incident_batches (
    id          uuid primary key,
    incident    uuid not null references ebr.incidents,
    batch       uuid not null references ebr.batches,
    linked_at   timestamptz not null,
    disposition text not null default '' check (disposition in ('', 'no effect', 'see deviation')),
    reason      text not null default '' check (char_length(reason) <= 4000),
    assessed_by uuid references ebr.people,
    assessed_at timestamptz,
    version     int not null default 1,
    constraint incident_batches_once unique (incident, batch),
    constraint incident_batches_assessed check ((disposition = '') = (assessed_by is null) and (disposition = '') = (assessed_at is null) and (disposition = '') = (reason = ''))
);
create index incident_batches_of on ebr.incident_batches (batch);

-- The act of the open entry decides what may change: incident.open counts and links, incident.assess judges one batch, incident.close ends
-- it with a signature, once every batch is judged. Nothing that stands is rewritten.
-- +goose StatementBegin
create function ebr.incidents_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    if entry.act = 'incident.open' and entry.person <> '00000000-0000-7000-8000-000000000001' then
        raise exception using errcode = 'VB055', message = 'incidents are opened and counted by the server';
    end if;
    if tg_op = 'INSERT' then
        if entry.act <> 'incident.open' or new.closed_at is not null or new.opened_at <> entry.at then
            raise exception using errcode = 'VB055', message = 'an incident begins open, at the time of its entry incident.open';
        end if;
        return new;
    end if;
    if old.closed_at is not null then
        raise exception using errcode = 'VB055', message = 'a closed incident stays as it is';
    end if;
    if (new.id, new.number, new.kind, new.cause, new.summary, new.first_reference, new.first_at, new.opened_at)
            is distinct from (old.id, old.number, old.kind, old.cause, old.summary, old.first_reference, old.first_at, old.opened_at)
       or new.occurrences < old.occurrences or entry.act not in ('incident.open', 'incident.close')
       or entry.act = 'incident.open' and new.closed_at is not null
       or entry.act = 'incident.close' and (new.occurrences, new.last_at, new.last_reference) is distinct from (old.occurrences, old.last_at, old.last_reference) then
        raise exception using errcode = 'VB055', message = 'what stands in an incident is never rewritten';
    end if;
    if new.closed_at is null then
        return new;
    end if;
    if (new.closed_by, new.closed_at) is distinct from (entry.person, entry.at) or not ebr.signed_in_entry(new.signature) then
        raise exception using errcode = 'VB055', message = 'an incident is closed by the person, at the time and with the signature of its entry';
    end if;
    if exists (select from ebr.incident_batches b where b.incident = new.id and b.disposition = '') then
        raise exception using errcode = 'VB055', constraint = 'incidents_all_assessed', message = 'an incident is closed when its effect on every batch is judged';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger incidents_guard before insert or update on ebr.incidents for each row execute function ebr.incidents_guard();
alter table ebr.incidents enable always trigger incidents_guard;
revoke execute on function ebr.incidents_guard from public;

-- +goose StatementBegin
create function ebr.incident_batches_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    perform from ebr.incidents i where i.id = new.incident and i.closed_at is null for no key update;
    if not found then
        raise exception using errcode = 'VB055', message = 'the batches of a closed incident stay as they are';
    end if;
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new;
    end if;
    if (entry.act, new.disposition = '') not in (('incident.open', true), ('incident.assess', false))
       or entry.act = 'incident.open' and entry.person <> '00000000-0000-7000-8000-000000000001'
       or tg_op = 'UPDATE' and new.disposition = '' and not exists ( -- the incident struck again in this very transaction
              select from ebr.incidents i where i.id = new.incident and i.xmin = pg_current_xact_id()::xid)
       or tg_op = 'INSERT' and (entry.act <> 'incident.open' or new.linked_at <> entry.at)
       or tg_op = 'UPDATE' and (new.id, new.incident, new.batch, new.linked_at) is distinct from (old.id, old.incident, old.batch, old.linked_at)
       or new.disposition <> '' and (new.assessed_by, new.assessed_at) is distinct from (entry.person, entry.at) then
        raise exception using errcode = 'VB055', message = 'a batch is linked by incident.open and judged by the person and at the time of incident.assess';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger incident_batches_guard before insert or update on ebr.incident_batches for each row execute function ebr.incident_batches_guard();
alter table ebr.incident_batches enable always trigger incident_batches_guard;
revoke execute on function ebr.incident_batches_guard from public;

select audit.attach('ebr.incidents');
select audit.attach('ebr.incident_batches');
grant select, insert, update on ebr.incidents, ebr.incident_batches to app;
