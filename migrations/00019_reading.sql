-- How far a reviewer has read: a review of a batch's audit trail is read page by page, each page that was read is an entry, and what is signed names the
-- first entry as well as the last and says how many were opened (EU GMP Annex 11 clause 9; PIC/S PI 041 9.8).
--
-- SQLSTATE raised here:
--   VB095 a page of a review would be claimed by somebody else or elsewhere, or with an entry that does not exist
--   VB096 a review would be signed with another first entry, with entries left out, or with more entries opened than its pages showed

-- +goose Up

-- One page that the reviewer has read: the entries that it showed, each as its stream, a blank and its number. What was opened is what stands on a
-- page, and never what lies before it: entries of several streams may come between later. The digest is made here, of the places with the hashes of
-- their entries, so that a page says which contents were read.
create table ebr.trail_review_pages (
    id      uuid primary key,
    review  uuid not null references ebr.trail_reviews,
    list    text not null check (list in ('all', 'critical')),
    shown   text[] not null check (cardinality(shown) between 1 and 500),
    digest  bytea not null check (octet_length(digest) = 32),
    read_at timestamptz not null
);
create index trail_review_pages_of on ebr.trail_review_pages (review, read_at, id);

-- +goose StatementBegin
create function ebr.trail_review_pages_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
    r     ebr.trail_reviews;
    known bigint;
begin
    select d.person, d.at, d.act, d.stream into entry from audit.desk d where d.backend = pg_backend_pid() and d.xid = pg_current_xact_id();
    if not found then
        new.digest := sha256('');
        return new; -- no open entry: the trail refuses the row with its own words
    end if;
    select * into r from ebr.trail_reviews t where t.id = new.review;
    select count(distinct p.place), sha256(convert_to(string_agg(p.place || ' ' || encode(e.hash, 'hex'), E'\n' order by p.n), 'UTF8')) into known, new.digest
        from unnest(new.shown) with ordinality p (place, n) join audit.entries e on e.stream || ' ' || e.seq = p.place and e.stream = split_part(p.place, ' ', 1);
    if entry.stream is distinct from 'batch/' || r.batch or entry.act <> 'trail.read_page' or entry.person <> r.reviewer or r.signed_at is not null or new.read_at <> entry.at
       or known is distinct from cardinality(new.shown) then
        raise exception using errcode = 'VB095', constraint = 'trail_review_pages_read', message = 'a page of an open review is read by its reviewer and shows entries';
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
alter table ebr.trail_reviews add first_hash bytea check (octet_length(first_hash) = 32), add pages_hash bytea check (octet_length(pages_hash) = 32),
    add listed int check (listed >= 0), add opened int check (opened between 0 and listed),
    add constraint trail_reviews_read check ((first_hash is null) = (listed is null) and (first_hash is null) = (opened is null) and (first_hash is null) = (pages_hash is null)
        and (first_hash is null or signed_at is not null));
select audit.late_column('ebr.trail_reviews', 'first_hash', null);
select audit.late_column('ebr.trail_reviews', 'pages_hash', null);
select audit.late_column('ebr.trail_reviews', 'listed', null);
select audit.late_column('ebr.trail_reviews', 'opened', null);

-- The pages of a review as one digest: of the digests of its pages, in the order in which they were read.
-- +goose StatementBegin
create function ebr.pages_of(review uuid) returns bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(coalesce(string_agg(encode(p.digest, 'hex'), E'\n' order by p.read_at, p.id), ''), 'UTF8')) from ebr.trail_review_pages p where p.review = pages_of.review;
$$;
-- +goose StatementEnd
revoke execute on function ebr.pages_of from public;
grant execute on function ebr.pages_of to app;

-- +goose StatementBegin
create function ebr.trail_reviews_reading() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if new.signed_at is not null and (new.first_hash is null
       or new.first_hash is distinct from (select e.hash from audit.entries e where e.stream = 'batch/' || new.batch and e.seq = new.from_seq)
       or new.pages_hash is distinct from ebr.pages_of(new.id)
       or new.listed < (select count(*) from audit.entries e where e.stream = 'batch/' || new.batch and e.seq between new.from_seq and new.to_seq and (e.refused or e.act <> 'trail.read_page'))
       or new.opened > (select count(distinct s.place) from ebr.trail_review_pages p cross join unnest(p.shown) s (place) where p.review = new.id)) then
        raise exception using errcode = 'VB096', constraint = 'trail_reviews_reading', message = 'a signed review names its first entry, its pages, and no more entries as opened than these showed';
    end if;
    return new;
end $$;
-- +goose StatementEnd
-- The name sorts behind trail_reviews_guard, whose refusals come first.
create trigger trail_reviews_reading before insert or update on ebr.trail_reviews for each row execute function ebr.trail_reviews_reading();
alter table ebr.trail_reviews enable always trigger trail_reviews_reading;
revoke execute on function ebr.trail_reviews_reading from public;
