"""The role that row security holds for: made and given its rights at each start, where Baton's user may; else how to make it."""

from __future__ import annotations

from sqlalchemy import text

from runner.database import ROLE, Database

# Each start, and not a migration: a restored backup, another cluster and a role that an administrator made later want it anew.
# Nothing is written where nothing is missing. Rights go to tables with row security only, so one without is out of reach.
GRANTS = f"""
DO $do$
DECLARE
    web text := {ROLE};
    may_be text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
    one record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = web) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', web);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;  -- by the start on another database of the cluster
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;
    IF NOT pg_has_role(session_user, web, may_be) THEN
        BEGIN
            EXECUTE format('GRANT %I TO %I', web, session_user)
                || CASE may_be WHEN 'SET' THEN ' WITH SET TRUE, INHERIT FALSE' ELSE '' END;
        EXCEPTION
            WHEN insufficient_privilege OR unique_violation OR internal_error THEN NULL;
        END;
    END IF;
    IF NOT has_schema_privilege(web, current_schema(), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), web);
    END IF;
    FOR one IN
        SELECT oid::regclass AS name FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relrowsecurity AND NOT (
            has_table_privilege(web, oid, 'SELECT') AND has_table_privilege(web, oid, 'INSERT')
            AND has_table_privilege(web, oid, 'UPDATE') AND has_table_privilege(web, oid, 'DELETE'))
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', one.name, web);
    END LOOP;
    FOR one IN
        SELECT oid::regclass AS name FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace
            AND CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(web, oid, 'USAGE') ELSE false END
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', one.name, web);
    END LOOP;
END $do$
"""


async def missing(database: Database) -> str | None:
    """What an administrator of Postgres has to do for row security to hold; None where it does. Raises Unreachable."""
    if await database.walled():
        return None
    async with database.begin() as connection:
        user, web = (await connection.execute(text(f"SELECT session_user, {ROLE}"))).one()
    return (
        "row security is off, for Baton's user may not make the role it needs. As an administrator of Postgres: "
        f'CREATE ROLE "{web}" NOLOGIN; GRANT "{web}" TO "{user}"; then start Baton again'
    )
