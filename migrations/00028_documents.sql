-- Keys with which printed records are signed (package internal/pades). They sign nothing else: what proves a record is its bundle, and a signed print is for
-- whoever has the print alone.

-- +goose Up

-- The site key vouches for each certificate in its entry.
create table ebr.document_keys (
    id          text primary key check (id ~ '^[0-9a-f]{32}$'),
    certificate bytea not null check (octet_length(certificate) between 100 and 16384),
    valid_from  timestamptz not null,
    valid_until timestamptz not null check (valid_until > valid_from),
    recorded_at timestamptz not null,
    constraint document_keys_named check (id = left(encode(sha256(certificate), 'hex'), 32))
);
comment on table ebr.document_keys is 'Certificates (X.509, DER) of the keys with which printed records were signed, and how long each is valid.';
select audit.attach('ebr.document_keys');
grant select, insert on ebr.document_keys to app;
create trigger entry_guard after insert on ebr.document_keys for each row execute function ebr.entry_guard('key.register', '', 'recorded_at');
alter table ebr.document_keys enable always trigger entry_guard;
