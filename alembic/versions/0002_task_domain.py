"""Priority, due dates, tags, manual order, derived columns and idempotency keys.

No statement reads or rewrites rows, so each holds its lock briefly. The next migration fills
existing rows, without a long transaction.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR

from alembic import op

revision = "0002"
down_revision = "0001"

RULES = (
    ("priority_range", "priority BETWEEN 0 AND 4"),
    ("due_exclusive", "due_on IS NULL OR due_at IS NULL"),
    ("tags_number", "cardinality(tags) <= 20"),
)

# Text without case and accents: NFKD decomposes, the marks above and below letters are removed
# (accents, and the vowel marks of Hebrew and Arabic), and NFKC composes the rest (such as Hangul).
# Some Latin letters do not decompose and are replaced explicitly. Both forms of the Greek sigma
# are equal.
FOLD = r"""
CREATE FUNCTION todo_fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(replace(translate(lower(normalize(
        regexp_replace(
            normalize(value, NFKD),
            '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a'
            || '\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]', '', 'g'
        ), NFKC
    )), E'øłđħı\u03c2', E'oldhi\u03c3'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')
$$
"""

# Letters and digits only, without the operators of a tsquery. In scripts without spaces between
# words (Thai to Lao, Burmese, Khmer, kana, Han), each character becomes a word.
TERMS = r"""
CREATE FUNCTION todo_terms(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
        regexp_replace(todo_fold(value), '[^[:alnum:]]+', ' ', 'g'),
        '([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff'
        || '\U00020000-\U0003fffd])', ' \1 ', 'g'
    )
$$
"""

# All words of a search must match, each as a prefix; the characters of a script without spaces
# must be adjacent. Only the first 32 words and 64 characters of each are used, because each word
# costs time per task.
QUERY = r"""
CREATE FUNCTION todo_query(search text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsquery('simple', coalesce(string_agg(
        '(' || regexp_replace(nullif(btrim(todo_terms(word)), ''), '\s+', ' <-> ', 'g') || ':*)',
        ' & '
    ), ''))
    FROM (
        SELECT left(word, 64) AS word
        FROM regexp_split_to_table(
            regexp_replace(todo_fold(left(search, 10000)), '[^[:alnum:]]+', ' ', 'g'), ' '
        ) WITH ORDINALITY AS split (word, place)
        WHERE word <> '' GROUP BY 1 ORDER BY min(place) LIMIT 32
    ) AS words
$$
"""

# Text that sorts like the number, also a negative one. A new task gets its revision, so that it
# is last. Between two ranks, text of any length fits.
RANK = """
CREATE FUNCTION todo_rank(number bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lpad(to_hex(4503599627370496 + number), 14, '0')
$$
"""

# The tags with additions and removals, without duplicates. The first tag's case remains.
EDIT_TAGS = """
CREATE FUNCTION todo_edit_tags(tags text[], added text[], removed text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(tag ORDER BY place), '{}') FROM (
        SELECT DISTINCT ON (lower(tag)) tag, place
        FROM unnest(tags || added) WITH ORDINALITY AS t (tag, place)
        WHERE lower(tag) NOT IN (SELECT lower(gone) FROM unnest(removed) AS r (gone))
        ORDER BY lower(tag), place
    ) AS once
$$
"""

# Plain columns, because below row-level security only comparisons of plain columns can use an
# index. A trigger, because adding a generated column would rewrite the table under a lock. A date
# sorts as its first instant in UTC.
DERIVE = """
CREATE FUNCTION todo_derive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.due := coalesce(NEW.due_at, timezone('UTC', NEW.due_on::timestamp));
    NEW.title_key := left(todo_fold(NEW.title), 200);
    NEW.tag_keys := ARRAY(
        SELECT lower(tag) FROM unnest(NEW.tags) WITH ORDINALITY AS t (tag, place) ORDER BY place
    );
    NEW.words :=
        setweight(to_tsvector('simple', todo_terms(NEW.title)), 'A')
        || setweight(to_tsvector('simple', todo_terms(array_to_string(NEW.tags, ' '))), 'B')
        || setweight(to_tsvector('simple', todo_terms(coalesce(NEW.description, ''))), 'C');
    NEW.rank := coalesce(NEW.rank, todo_rank(NEW.revision));
    RETURN NEW;
END $$
"""

TRIGGER = """
CREATE TRIGGER derive BEFORE INSERT OR UPDATE OF title, description, tags, due_on, due_at, rank
ON tasks FOR EACH ROW EXECUTE FUNCTION todo_derive()
"""

FUNCTIONS = {
    "todo_derive()": DERIVE,
    "todo_edit_tags(text[], text[], text[])": EDIT_TAGS,
    "todo_rank(bigint)": RANK,
    "todo_query(text)": QUERY,
    "todo_terms(text)": TERMS,
    "todo_fold(text)": FOLD,
}

# Maintenance of all users' rows: filling new columns, and purging old trash. Row-level security
# binds the owner of the tables as well, so maintenance has its own role, which sees all rows but
# cannot read the users' text. No server uses it.
CREATE_UPKEEP = """
DO $$ BEGIN
    CREATE ROLE todo_upkeep
        NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

GRANT_UPKEEP = """
DO $$ BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT todo_upkeep TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$
"""

UPKEEP = (
    "DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO todo_upkeep', current_schema); END $$",
    "GRANT SELECT (id, revision), UPDATE (revision) ON users TO todo_upkeep",
    "GRANT SELECT (user_id, id, created_at, deleted_at, rank), DELETE ON tasks TO todo_upkeep",
    "GRANT UPDATE (rank) ON tasks TO todo_upkeep",
    "GRANT SELECT (user_id, key, created_at), DELETE ON idempotency_keys TO todo_upkeep",
    "CREATE POLICY upkeep ON users TO todo_upkeep USING (true) WITH CHECK (true)",
    "CREATE POLICY upkeep ON tasks TO todo_upkeep USING (true) WITH CHECK (true)",
    "CREATE POLICY upkeep ON idempotency_keys TO todo_upkeep USING (true) WITH CHECK (true)",
)

GRANTS = (
    "GRANT UPDATE (priority, due_on, due_at, tags, rank) ON tasks TO todo_app",
    # The policy restricts this to the viewer's own row.
    "GRANT DELETE ON users TO todo_app",
    "GRANT SELECT, INSERT, DELETE ON idempotency_keys TO todo_app",
    "GRANT UPDATE (digest, answer, created_at) ON idempotency_keys TO todo_app",
)

ME = "nullif(current_setting('app.user_id', true), '')::uuid"

DROP_UPKEEP = """
DO $$ BEGIN
    DROP OWNED BY todo_upkeep;
    DROP ROLE todo_upkeep;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege OR object_in_use THEN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    for column in columns():
        op.add_column("tasks", column)
    for name, rule in RULES:
        op.execute(f"ALTER TABLE tasks ADD CONSTRAINT ck_tasks_{name} CHECK ({rule}) NOT VALID")
    for function in reversed(FUNCTIONS.values()):
        op.execute(function)
    op.execute(TRIGGER)
    create_idempotency_keys()
    for grant in GRANTS:
        op.execute(grant)
    for statement in (CREATE_UPKEEP, GRANT_UPKEEP, *UPKEEP):
        op.execute(statement)


def columns() -> list[sa.Column[object]]:
    return [
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        # Derived by the trigger.
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title_key", sa.Text(collation="C"), nullable=True),
        sa.Column("tag_keys", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("words", TSVECTOR(), nullable=True),
        sa.Column("rank", sa.Text(collation="C"), nullable=True),
    ]


def create_idempotency_keys() -> None:
    # No foreign key to the user: the key of an account's deletion must outlive the account, so
    # that the deletion can be repeated.
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_keys"),
        sa.CheckConstraint(
            "char_length(key) BETWEEN 1 AND 100", name=op.f("ck_idempotency_keys_key_length")
        ),
    )
    op.execute("ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY mine ON idempotency_keys USING (user_id = {ME}) WITH CHECK (user_id = {ME})"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("DROP POLICY upkeep ON users")
    op.execute("DROP POLICY upkeep ON tasks")
    op.drop_table("idempotency_keys")
    op.execute("REVOKE ALL ON users, tasks FROM todo_upkeep")
    op.execute("REVOKE DELETE ON users FROM todo_app")
    op.execute("DROP TRIGGER derive ON tasks")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    # DROP COLUMN drops the column's constraints.
    for column in reversed(columns()):
        op.drop_column("tasks", column.name)
    op.execute(DROP_UPKEEP)
