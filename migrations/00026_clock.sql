-- +goose Up

-- Signatures stop when the clock of the database was set back behind the trail, which lifts the time of such an entry to keep its order. The server compares
-- its own clock when it takes the password (signatures.ClockBar); the bound is the same.
-- +goose StatementBegin
create function ebr.signatures_clock_guard() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if (select e.at from ebr.entry_at_work() e) > clock_timestamp() + interval '2 seconds' then
        raise exception using errcode = 'VB124', constraint = 'signatures_clock', message = 'the clock of the database is behind the trail';
    end if;
    return new;
end $$;
-- +goose StatementEnd
create trigger signatures_clock_guard before insert on ebr.signatures for each row execute function ebr.signatures_clock_guard();
alter table ebr.signatures enable always trigger signatures_clock_guard;
revoke execute on function ebr.signatures_clock_guard from public;
