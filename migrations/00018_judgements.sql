-- A judgement of what an incident did to a batch is replaced by a signed act of its own, and every former judgement stays beside the one in force.
--
-- SQLSTATE raised here:
--   VB092 a judgement would be replaced without the signed act for it, or without saying why

-- +goose Up

alter table ebr.incident_batches
    add column changed_because text not null default '' check (char_length(changed_because) <= 4000),
    add column signature uuid constraint incident_batches_signature_once unique references ebr.signatures,
    add constraint incident_batches_replaced check ((changed_because = '') = (signature is null));
comment on column ebr.incident_batches.changed_because is 'Why this judgement replaced the one before it; empty for one that replaced none.';
select audit.late_column('ebr.incident_batches', 'changed_because', '');
select audit.late_column('ebr.incident_batches', 'signature', null);

-- Judgements that are no longer in force, as they stood: replaced by another one, or void because the incident struck the batch again. The
-- database alone writes them, from the row that changes, so none can be left out.
create table ebr.former_judgements (
    id              uuid primary key,
    link            uuid not null references ebr.incident_batches,
    link_version    int not null,
    disposition     text not null,
    reason          text not null,
    changed_because text not null,
    assessed_by     uuid not null references ebr.people,
    assessed_at     timestamptz not null,
    signature       uuid constraint former_judgements_signature_once unique references ebr.signatures,
    ended_at        timestamptz not null,
    constraint former_judgements_once unique (link, link_version)
);
select audit.attach('ebr.former_judgements');
grant select on ebr.former_judgements to app;

-- +goose StatementBegin
create function ebr.keep_former_judgement() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into ebr.former_judgements (id, link, link_version, disposition, reason, changed_because, assessed_by, assessed_at, signature, ended_at)
    values (gen_random_uuid(), old.id, old.version, old.disposition, old.reason, old.changed_because, old.assessed_by, old.assessed_at, old.signature,
        (select d.at from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id()));
    return null;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.keep_former_judgement from public;
create trigger former_judgement after update on ebr.incident_batches for each row when (old.disposition <> '') execute function ebr.keep_former_judgement();
alter table ebr.incident_batches enable always trigger former_judgement;

-- As in 00010, and a judgement that stands changes by incident.reassess only.
-- +goose StatementBegin
create or replace function ebr.incident_batches_guard() returns trigger
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
    if (entry.act, new.disposition = '') not in (('incident.open', true), ('incident.assess', false), ('incident.reassess', false))
       or entry.act = 'incident.open' and entry.person <> '00000000-0000-7000-8000-000000000001'
       or tg_op = 'UPDATE' and new.disposition = '' and not exists ( -- the incident struck again in this very transaction
              select from ebr.incidents i where i.id = new.incident and i.xmin = pg_current_xact_id()::xid)
       or tg_op = 'INSERT' and (entry.act <> 'incident.open' or new.linked_at <> entry.at)
       or tg_op = 'UPDATE' and (new.id, new.incident, new.batch, new.linked_at) is distinct from (old.id, old.incident, old.batch, old.linked_at)
       or new.disposition <> '' and (new.assessed_by, new.assessed_at) is distinct from (entry.person, entry.at) then
        raise exception using errcode = 'VB055', message = 'a batch is linked by incident.open and judged by the person and at the time of incident.assess';
    end if;
    if (entry.act = 'incident.reassess') <> (new.signature is not null)
       or entry.act = 'incident.reassess' and not ebr.signed_in_entry(new.signature)
       or tg_op = 'UPDATE' and entry.act <> 'incident.open' and (entry.act = 'incident.reassess') <> (old.disposition <> '') then
        raise exception using errcode = 'VB092', constraint = 'judgements_replaced_signed', message = 'a judgement is replaced by incident.reassess alone, with its signature and why';
    end if;
    return new;
end $$;
-- +goose StatementEnd
