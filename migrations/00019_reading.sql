-- How far a reviewer has read: a review of a batch's audit trail is read page by page, each page that was read is an entry, and what is signed names the
-- first entry as well as the last and says how many were opened (EU GMP Annex 11 clause 9; PIC/S PI 041 9.8).
--
-- SQLSTATE raised here:
--   VB095 a page of a review would be claimed that is not the next one, is somebody else's, or is longer than a page
--   VB096 a review would be signed with another first entry, or with more entries opened than pages were read

-- +goose Up

-- One page that the reviewer has read: from where the list was read to before, up to and with the entry named here. The list 'critical' holds the
-- entries to look at first alone, 'all' every entry.
create table ebr.trail_review_pages (
    id        uuid primary key,
    review    uuid not null references ebr.trail_reviews,
    list      text not null check (list in ('all', 'critical')),
    entries   int not null check (entries between 1 and 500),
    to_at     timestamptz not null,
    to_stream text not null,
    to_seq    bigint not null,
    read_at   timestamptz not null
);
create index trail_review_pages_of on ebr.trail_review_pages (review, list, to_at, to_stream, to_seq);

-- +goose StatementBegin
create function ebr.trail_review_pages_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    r     ebr.trail_reviews;
    home  text;
    prev  record;
    after bigint;
begin
    select d.person, d.at, d.act, d.stream into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    select * into r from ebr.trail_reviews t where t.id = new.review;
    home := 'batch/' || r.batch;
    select p.to_at, p.to_stream, p.to_seq into prev from ebr.trail_review_pages p
        where p.review = new.review and p.list = new.list order by p.to_at desc, p.to_stream desc, p.to_seq desc limit 1;
    if entry.stream is distinct from home or entry.act <> 'trail.read_page' or entry.person <> r.reviewer or r.signed_at is not null or new.read_at <> entry.at
       or (prev.to_at, prev.to_stream, prev.to_seq) >= (new.to_at, new.to_stream, new.to_seq)
       or not exists (select from audit.entries e where e.stream = new.to_stream and e.seq = new.to_seq and e.at = new.to_at) then
        raise exception using errcode = 'VB095', message = 'a page of an open review is read by its reviewer, one behind the other';
    end if;
    select coalesce(max(t.to_seq), 0) into after from ebr.trail_reviews t where t.batch = r.batch and t.signed_at is not null;
    if new.list = 'all' and new.entries < (select count(*) from audit.entries e where e.stream = home and e.seq > after and (e.refused or e.act <> 'trail.read_page')
            and (e.at, e.stream, e.seq) <= (new.to_at, new.to_stream, new.to_seq)
            and (prev.to_at is null or (e.at, e.stream, e.seq) > (prev.to_at, prev.to_stream, prev.to_seq))) then
        raise exception using errcode = 'VB095', message = 'a page leaves no entry of the batch out';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger trail_review_pages_guard before insert on ebr.trail_review_pages for each row execute function ebr.trail_review_pages_guard();
alter table ebr.trail_review_pages enable always trigger trail_review_pages_guard;
revoke execute on function ebr.trail_review_pages_guard from public;
select audit.attach('ebr.trail_review_pages');
grant select, insert on ebr.trail_review_pages to app;

-- What was signed before this migration names no first entry and does not say how many entries were opened: it stays as it was signed.
alter table ebr.trail_reviews add first_hash bytea check (octet_length(first_hash) = 32), add listed int check (listed >= 0), add opened int check (opened between 0 and listed),
    add constraint trail_reviews_read check ((first_hash is null) = (listed is null) and (first_hash is null) = (opened is null) and (first_hash is null or signed_at is not null));
select audit.late_column('ebr.trail_reviews', 'first_hash', null);
select audit.late_column('ebr.trail_reviews', 'listed', null);
select audit.late_column('ebr.trail_reviews', 'opened', null);

-- +goose StatementBegin
create function ebr.trail_reviews_reading() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.signed_at is not null and (new.first_hash is null
       or new.first_hash is distinct from (select e.hash from audit.entries e where e.stream = 'batch/' || new.batch and e.seq = new.from_seq)
       or new.opened > (select coalesce(sum(p.entries), 0) from ebr.trail_review_pages p where p.review = new.id)) then
        raise exception using errcode = 'VB096', message = 'a signed review names its first entry and no more entries as opened than were read';
    end if;
    return new;
end $$;
-- +goose StatementEnd
-- The name sorts behind trail_reviews_guard, whose refusals come first.
create trigger trail_reviews_reading before insert or update on ebr.trail_reviews for each row execute function ebr.trail_reviews_reading();
alter table ebr.trail_reviews enable always trigger trail_reviews_reading;
revoke execute on function ebr.trail_reviews_reading from public;
