-- Batches: orders, issued records and what happened to them (design: execution; 21 CFR 211.188, 11.10(f)).
--
-- SQLSTATEs raised here, beside the constraint names:
--   VB020 a person would verify own work, work on what the person verified, or assess a hold of own work or for a second time
--   VB021 a line of a history is not the next one, or not by the person and at the time of its entry
--   VB023 a batch was changed in a way that its states do not allow, or goes on with a hold that was not assessed

-- +goose Up

-- Gap-free numbers: the row is updated last in its transaction, so that a number is used if and only if it is committed.
create table ebr.counters (
    id      text primary key check (id ~ '^[a-z]{1,20}-[0-9]{4}$'),
    value   bigint not null check (value > 0),
    version int not null default 1,
    constraint counters_step check (value = version)
);
comment on table ebr.counters is 'value is the last number given; every change of the row gives exactly one number.';
select audit.attach('ebr.counters');
grant select, insert, update on ebr.counters to app;

-- steps to waits_for repeat what follows from the history, for lists; the program writes them with each line of the history.
create table ebr.batches (
    id             uuid primary key,
    number         text not null check (number ~ '^B-[0-9]{4}-[0-9]{6,}$'),
    order_number   text not null check (char_length(order_number) between 1 and 60),
    recipe_version text not null references ebr.recipe_versions,
    recipe_digest  bytea references audit.contents,
    state          text not null check (state in ('ordered', 'idle', 'running', 'held', 'complete', 'aborted')),
    steps          int not null check (steps > 0),
    steps_done     int not null default 0 check (steps_done between 0 and steps),
    open_step      text not null default '' check (char_length(open_step) <= 60),
    waits_for      text not null default '' check (char_length(waits_for) <= 60),
    ordered_at     timestamptz not null,
    issued_at      timestamptz,
    started_at     timestamptz,
    ended_at       timestamptz,
    version        int not null default 1,
    constraint batches_number_once unique (number),
    constraint batches_order_once unique (order_number),
    constraint batches_issued check (case when state = 'ordered' then issued_at is null when state <> 'aborted' then issued_at is not null else true end and (issued_at is null) = (recipe_digest is null)),
    constraint batches_started check (case when state in ('ordered', 'idle') then started_at is null when state <> 'aborted' then started_at is not null else true end),
    constraint batches_ended check ((state in ('complete', 'aborted')) = (ended_at is not null)),
    constraint batches_all_done check (state <> 'complete' or steps_done = steps)
);
comment on column ebr.batches.recipe_digest is 'SHA-256 of the recipe text, pinned when the record was issued (21 CFR 211.188(a)).';
create index batches_open on ebr.batches (ordered_at desc, id desc) where state not in ('complete', 'aborted');
create index batches_ended on ebr.batches (ended_at desc, id desc) where state in ('complete', 'aborted');
create index batches_by_recipe on ebr.batches (recipe_version);

-- The same table of moves as recipes/procedure/moves.go, without the acts: a test compares the two.
-- +goose StatementBegin
create function ebr.batches_guard() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        if new.state <> 'ordered' then
            raise exception using errcode = 'VB023', message = 'a batch begins as an order';
        end if;
        return new;
    end if;
    if (old.state, new.state) not in (('ordered', 'ordered'), ('ordered', 'idle'), ('ordered', 'aborted'), ('idle', 'idle'), ('idle', 'running'), ('idle', 'aborted'),
            ('running', 'running'), ('running', 'held'), ('running', 'aborted'), ('running', 'complete'),
            ('held', 'held'), ('held', 'running'), ('held', 'aborted')) then
        raise exception using errcode = 'VB023', message = format('a batch does not go from %s to %s', old.state, new.state);
    end if;
    if (new.id, new.number, new.order_number, new.recipe_version, new.steps, new.ordered_at)
            is distinct from (old.id, old.number, old.order_number, old.recipe_version, old.steps, old.ordered_at)
       or old.issued_at is not null and (new.issued_at, new.recipe_digest) is distinct from (old.issued_at, old.recipe_digest)
       or old.started_at is not null and new.started_at is distinct from old.started_at then
        raise exception using errcode = 'VB023', message = 'number, order, recipe and times of a batch are never rewritten';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger batches_guard before insert or update on ebr.batches for each row execute function ebr.batches_guard();
alter table ebr.batches enable always trigger batches_guard;
revoke execute on function ebr.batches_guard from public;
select audit.attach('ebr.batches');
grant select, insert, update on ebr.batches to app;

-- One row per event, never changed: procedure.Event as it is stored.
create table ebr.batch_history (
    id           uuid primary key,
    batch        uuid not null references ebr.batches,
    ord          int not null check (ord > 0),
    event        text not null check (event in ('created', 'issued', 'started', 'recorded', 'corrected', 'commented', 'performed', 'verified',
                                                'held', 'hold_assessed', 'resumed', 'aborted', 'completed')),
    step         text not null default '' check (char_length(step) <= 60),
    value        text not null default '' check (char_length(value) <= 60),
    attempt      int not null default 0 check (attempt >= 0),
    raw          text not null default '' check (octet_length(raw) <= 16000),
    reading      text not null default '' check (char_length(reading) <= 4000),
    amount       numeric,
    unit         text not null default '' check (char_length(unit) <= 20),
    judgement    text not null default '' check (judgement in ('', 'none', 'in limits', 'alert', 'action')),
    reason       text not null default '' check (char_length(reason) <= 4000),
    person       uuid not null references ebr.people,
    role         text not null default '' check (char_length(role) <= 40),
    entered_at   timestamptz not null,
    performed_at timestamptz,
    signature    uuid references ebr.signatures,
    supersedes   uuid references ebr.batch_history,
    constraint batch_history_ord_once unique (batch, ord),
    constraint batch_history_signature_once unique (signature),
    constraint batch_history_supersedes_once unique (supersedes),
    constraint batch_history_signed check (signature is not null or event not in ('issued', 'verified', 'hold_assessed', 'aborted', 'completed')),
    constraint batch_history_reading check (
        case when event in ('recorded', 'corrected') then step <> '' and value <> '' and attempt > 0 and raw <> '' and reading <> '' and judgement <> ''
             else attempt = 0 and raw = '' and reading = '' and amount is null and unit = '' and judgement = '' end),
    constraint batch_history_amount check (amount is null or amount::text = reading),
    constraint batch_history_correction check ((event = 'corrected') = (supersedes is not null)),
    constraint batch_history_reason check (reason <> '' or event not in ('corrected', 'commented', 'held', 'hold_assessed', 'resumed', 'aborted')),
    constraint batch_history_step check (step <> '' or event not in ('performed', 'verified'))
);
create index batch_history_by_step on ebr.batch_history (batch, step, person) where event in ('recorded', 'corrected', 'performed', 'verified');

-- Holds by a reading outside action limits, open since the last 'resumed': each is assessed by a supervisor and by QA, two persons who did
-- not work in its step before (21 CFR 211.192, 211.22(a)), and the batch goes on only after that. A line assesses every hold that its person may judge.
-- +goose StatementBegin
create function ebr.batch_history_holds(line ebr.batch_history) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    resumed int;
begin
    if line.event not in ('hold_assessed', 'resumed') then
        return;
    end if;
    select coalesce(max(h.ord), 0) into resumed from ebr.batch_history h where h.batch = line.batch and h.event = 'resumed';
    if line.event = 'hold_assessed' and not exists (select from ebr.person_roles r where r.person = line.person and r.role = line.role and r.revoked_at is null) then
        raise exception using errcode = 'VB021', message = 'a hold is assessed in a role that the person holds';
    end if;
    if line.event = 'hold_assessed' and (line.role not in ('supervisor', 'qa') or not exists (
        select from ebr.batch_history h where h.batch = line.batch and h.event = 'held' and h.value <> '' and h.ord > resumed
        and not exists (select from ebr.batch_history a where a.batch = line.batch and a.event = 'hold_assessed' and a.ord > h.ord and (a.person = line.person or a.role = line.role))
        and not exists (select from ebr.batch_history w where w.batch = line.batch and w.step = h.step and w.person = line.person
                        and w.event in ('recorded', 'corrected', 'performed')))) then
        raise exception using errcode = 'VB020', constraint = 'batch_history_assessors', message = 'a hold is assessed by two persons in two roles who did not work in its step';
    end if;
    if line.event = 'resumed' and exists (
        select from ebr.batch_history h where h.batch = line.batch and h.event = 'held' and h.value <> '' and h.ord > resumed
        and (select least(count(distinct a.role), count(distinct a.person)) from ebr.batch_history a where a.batch = line.batch and a.event = 'hold_assessed' and a.ord > h.ord
             and not exists (select from ebr.batch_history w where w.batch = line.batch and w.step = h.step and w.person = a.person and w.ord < a.ord
                             and w.event in ('recorded', 'corrected', 'performed'))) < 2) then
        raise exception using errcode = 'VB023', constraint = 'batch_history_assessed', message = 'a batch goes on only after every hold by a reading was assessed by a supervisor and by QA';
    end if;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.batch_history_holds from public;

-- Who worked in a step never verifies it, and who verified it never works in it afterwards (21 CFR 211.188(b)(11); EU GMP Annex 11 (6)).
-- The row of the batch is locked first, so that two entries at once see each other, whatever their streams are. Every line is the next
-- one of its batch, made by the person and at the time of the open entry, and its signature was given in that entry and for this event.
-- +goose StatementBegin
create function ebr.batch_history_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    last  int;
begin
    perform from ebr.batches b where b.id = new.batch for no key update;
    select coalesce(max(h.ord), 0) into last from ebr.batch_history h where h.batch = new.batch;
    select d.person, d.at, d.act into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    if new.ord <> last + 1 or new.person <> entry.person or new.entered_at <> entry.at then
        raise exception using errcode = 'VB021', message = format('line %s of the history of batch %s is not the next one of its entry', new.ord, new.batch);
    end if;
    if new.signature is not null and (not ebr.signed_in_entry(new.signature) or (new.event, entry.act) not in (('issued', 'batch.issue'),
            ('performed', 'step.perform'), ('verified', 'step.verify'), ('hold_assessed', 'hold.assess'), ('aborted', 'batch.abort'), ('completed', 'batch.complete'))) then
        raise exception using errcode = 'VB021', message = 'the signature was not given by this person, in this entry, for this event';
    end if;
    perform ebr.batch_history_holds(new);
    if new.event = 'verified' and exists (select from ebr.batch_history h where h.batch = new.batch and h.step = new.step and h.person = new.person
                                          and h.event in ('recorded', 'corrected', 'performed'))
       or new.event in ('recorded', 'corrected', 'performed') and exists (select from ebr.batch_history h where h.batch = new.batch and h.step = new.step
                                          and h.person = new.person and h.event = 'verified') then
        raise exception using errcode = 'VB020', constraint = 'batch_history_second_person', message = format('step %s: nobody verifies own work', new.step);
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger batch_history_guard before insert on ebr.batch_history for each row execute function ebr.batch_history_guard();
alter table ebr.batch_history enable always trigger batch_history_guard;
revoke execute on function ebr.batch_history_guard from public;
select audit.attach('ebr.batch_history');
grant select, insert on ebr.batch_history to app;
