-- The trail is searched by station, by signature and by what was changed after it was first entered. What is searched is read from the stored bytes of the
-- entry by the functions below and stands in indexes alone: there is no column that could say something else than the bytes.

-- +goose Up

-- In the bytes of an entry a name between bare quotes is a name: within a text each quote has a backslash before it. So what somebody typed is never taken for one.
-- Bytes that are no entry have no station, no signature and no change: whoever altered them meets ebr verify, and no error here.

-- +goose StatementBegin
create function audit.station_of(body bytea) returns uuid
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    t text := encode(substr(body, position('"station":"'::bytea in body) + 11, 36), 'escape');
begin
    return case when t ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then t::uuid
                when t like 'server"%' then '00000000-0000-7000-8000-000000000002'::uuid end;
end $$;
-- +goose StatementEnd
comment on function audit.station_of is 'The station of an entry; migrations ran at the station of the server.';

-- +goose StatementBegin
create function audit.is_signed(body bytea) returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return position('"ticket": "'::bytea in substr(body, 1, position('"station":"'::bytea in body))) > 0;
end $$;
-- +goose StatementEnd
comment on function audit.is_signed is 'Whether an entry was made under a signing ticket; unless it was refused, it carries a signature.';

-- +goose StatementBegin
create function audit.is_change(body bytea) returns boolean
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    parts text[];
begin
    if position('"supersedes" : "'::bytea in body) > 0 then
        return true;
    elsif position('"op" : "update"'::bytea in body) = 0 then
        return false;
    end if;
    parts := string_to_array(encode(body, 'escape'), '"op" : "update"'); -- each but the last ends with the table, id and version of a change
    for n in 1 .. cardinality(parts) - 1 loop
        if split_part(split_part(parts[n], '"table" : "', -1), '"', 1) not in ('ebr.batches', 'ebr.counters') then
            return true;
        end if;
    end loop;
    return false;
end $$;
-- +goose StatementEnd
comment on function audit.is_change is 'Whether an entry changed something that had been entered before. How far a batch is (ebr.batches) and counters move on with every act and do not count.';

revoke execute on function audit.station_of, audit.is_signed, audit.is_change from public;
grant execute on function audit.station_of, audit.is_signed, audit.is_change to app;

create index entries_by_station on audit.entries (audit.station_of(body), at);
create index entries_signed on audit.entries (at, stream, seq) where not refused and audit.is_signed(body);
create index entries_changed on audit.entries (at, stream, seq) where not refused and audit.is_change(body);
