-- Roles and database rights of Veribatch. Run by a superuser, connected to the database that Veribatch shall use:
--
--     createdb --template=template0 --encoding=UTF8 --locale=C veribatch
--     psql --dbname=veribatch --file=roles.sql
--     psql --dbname=veribatch --command='\password ebr_migrator' --command='\password app'
--
-- The private cluster of `ebr serve` runs this file at every start and sets the passwords itself. Running it again changes nothing.
--
--   ebr_owner     owns schemas and tables; nobody can log in as this role
--   ebr_migrator  changes the schema (`ebr migrate`) by `set role ebr_owner`; inherits nothing
--   app           the server; has the rights that migrations/grants.csv lists and no others

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'ebr_owner') then
        create role ebr_owner nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = 'ebr_migrator') then
        create role ebr_migrator login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    end if;
    if not exists (select from pg_catalog.pg_roles where rolname = 'app') then
        create role app login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    end if;
    if not pg_catalog.pg_has_role('ebr_migrator', 'ebr_owner', 'member') then
        grant ebr_owner to ebr_migrator;
    end if;
end
$$;

-- Nobody reaches the database but these two, and neither makes temporary tables, which could shadow ours.
-- The owner keeps its right to create schemas; names without a schema find nothing but the system catalogue.
do $$
declare
    here text := pg_catalog.current_database();
begin
    execute pg_catalog.format('alter database %I owner to ebr_owner', here);
    execute pg_catalog.format('revoke all on database %I from public', here);
    execute pg_catalog.format('revoke temporary on database %I from ebr_owner', here);
    execute pg_catalog.format('grant connect on database %I to ebr_migrator, app', here);
    execute pg_catalog.format('alter role ebr_migrator in database %I set search_path = pg_catalog, pg_temp', here);
    execute pg_catalog.format('alter role app in database %I set search_path = pg_catalog, pg_temp', here);
    if exists (select from pg_catalog.pg_namespace where nspname = 'public') then
        revoke all on schema public from public;
    end if;
end
$$;
