-- Seals: a stored password is believed only with a signature of the site key over person, version and hash. Whoever has the database
-- password of the server can reach every door of the trail, and not that key.
--
-- SQLSTATEs raised here:
--   VB065 a password without a seal, or a seal that changes outside of password.change and password.seal

-- +goose Up

alter table ebr.credentials add column seal bytea check (octet_length(seal) = 64);
comment on column ebr.credentials.seal is 'Ed25519 signature of the site key over person, credential_version and password_hash.';
select audit.late_column('ebr.credentials', 'seal', null);

-- Passwords from before are sealed by the first server of this version, under password.seal: those whose newest image does not know the column.
-- Every image from now on knows it, so that happens once for each, and a seal that is lost afterwards is lost. Until then such a row stands still.
-- +goose StatementBegin
create function ebr.credentials_sealed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    entry record;
begin
    select e.person, e.act into entry from ebr.entry_at_work() e;
    if new.seal is null and entry.act <> 'person.reset'
       or tg_op = 'UPDATE' and new.password_hash = old.password_hash and new.seal is distinct from old.seal
          and (entry.person, entry.act) is distinct from ('00000000-0000-7000-8000-000000000001', 'password.seal')
       or tg_op = 'UPDATE' and entry.act = 'password.seal'
          and (new.password_hash, new.must_change, new.locked_until) is distinct from (old.password_hash, old.must_change, old.locked_until) then
        raise exception using errcode = 'VB065', constraint = 'credentials_sealed', message = 'a password is stored with its seal, and the seal changes with it';
    end if;
    return null;
end $$;
-- +goose StatementEnd
revoke execute on function ebr.credentials_sealed from public;
create trigger entry_guard_sealed after insert or update on ebr.credentials for each row execute function ebr.credentials_sealed();
alter table ebr.credentials enable always trigger entry_guard_sealed;
