-- Reviews of a batch's audit trail (EU GMP Annex 11 clause 9; PIC/S PI 041): a signed task with a scope, by somebody who did no work in the batch.
--
-- SQLSTATE raised here:
--   VB056 a review would be written by or for somebody else, or rewritten, or claims a scope that the trail does not have
--   VB057 a person would review the trail of a batch in which the person worked

-- +goose Up

-- A review begins when its reviewer opens it and ends with the signature. It covers the entries from_seq to to_seq of the batch's stream, named
-- by the hash of the last one, and all entries of other streams that name the batch, counted by others. What comes later is not covered:
-- whether a batch is reviewed is never stored, but compared with the trail.
create table ebr.trail_reviews (
    id         uuid primary key,
    batch      uuid not null references ebr.batches,
    reviewer   uuid not null references ebr.people,
    opened_at  timestamptz not null,
    from_seq   bigint not null check (from_seq > 0),
    to_seq     bigint check (to_seq >= from_seq - 1),
    last_hash  bytea check (octet_length(last_hash) = 32),
    others     bigint check (others >= 0),
    remarks    text not null default '' check (char_length(remarks) <= 4000),
    signed_at  timestamptz check (signed_at >= opened_at),
    signature  uuid constraint trail_reviews_signature_once unique references ebr.signatures,
    version    int not null default 1,
    constraint trail_reviews_signed check ((signed_at is null) = (signature is null) and (signed_at is null) = (to_seq is null) and (signed_at is null) = (last_hash is null)
        and (signed_at is null) = (others is null) and (signed_at is null) = (remarks = ''))
);
create index trail_reviews_of on ebr.trail_reviews (batch, opened_at);
create unique index trail_reviews_one_open on ebr.trail_reviews (batch, reviewer) where signed_at is null;

-- Who entered, performed or verified something in a batch does not review its trail. The row of the batch is locked first, so that a review and an
-- entry of the same person at once see each other.
-- +goose StatementBegin
create function ebr.trail_reviews_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    head  record;
    after bigint;
begin
    perform from ebr.batches b where b.id = new.batch for no key update;
    if exists (select from ebr.batch_history h where h.batch = new.batch and h.person = new.reviewer
               and h.event in ('recorded', 'corrected', 'commented', 'performed', 'verified')) then
        raise exception using errcode = 'VB057', constraint = 'trail_reviews_independent', message = 'nobody reviews the trail of own work';
    end if;
    select d.person, d.at, d.act, d.stream into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    if entry.stream <> 'batch/' || new.batch or entry.person <> new.reviewer then
        raise exception using errcode = 'VB056', message = 'a review is made by the reviewer, in the stream of its batch';
    end if;
    select coalesce(max(r.to_seq), 0) into after from ebr.trail_reviews r where r.batch = new.batch and r.signed_at is not null;
    if tg_op = 'INSERT' then
        if entry.act <> 'trail.begin_review' or new.opened_at <> entry.at or new.signed_at is not null or new.from_seq <> after + 1 then
            raise exception using errcode = 'VB056', message = 'a review begins open, at the time of its entry, behind the last review';
        end if;
        return new;
    end if;
    select h.seq, h.hash into head from audit.heads h where h.stream = entry.stream;
    if old.signed_at is not null or (new.id, new.batch, new.reviewer, new.opened_at) is distinct from (old.id, old.batch, old.reviewer, old.opened_at)
       or entry.act <> 'trail.review' or new.signed_at is distinct from entry.at or not ebr.signed_in_entry(new.signature)
       or (new.from_seq, new.to_seq, new.last_hash) is distinct from (after + 1, head.seq, head.hash)
       or new.others is distinct from (select count(*) from audit.subjects s where s.subject = entry.stream and s.stream <> entry.stream) then
        raise exception using errcode = 'VB056', message = 'a review is signed once, for everything behind the last review that stands in the trail now';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger trail_reviews_guard before insert or update on ebr.trail_reviews for each row execute function ebr.trail_reviews_guard();
alter table ebr.trail_reviews enable always trigger trail_reviews_guard;
revoke execute on function ebr.trail_reviews_guard from public;

select audit.attach('ebr.trail_reviews');
grant select, insert, update on ebr.trail_reviews to app;
