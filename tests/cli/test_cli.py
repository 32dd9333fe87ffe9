"""Commands other than `dev` and `serve`: output, errors and exit codes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jose import jwt

from tests.support.commands import refusal, run
from tests.support.servers import SECRET
from todo_graphql.api.sdl import sdl
from todo_graphql.cli import main
from todo_graphql.dev.demo_user import DEMO_USER

OTHER_USER = "11111111-2222-4333-8444-555555555555"


def claims_of(token: str) -> dict[str, object]:
    """Return the claims of a printed token."""
    claims: dict[str, object] = jwt.decode(
        token.strip(), SECRET, ["HS256"], options={"verify_aud": False}
    )
    return claims


def invoke(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, arguments, env={"BETTER_AUTH_SECRET": SECRET})


def test_help_lists_all_commands(tmp_path: Path) -> None:
    finished = run("--help", folder=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    for name in main.commands:
        assert f"\n  {name} " in finished.stdout
    assert "\n  To try it:        todo-graphql dev\n" in finished.stdout


@pytest.mark.parametrize("command", list(main.commands))
def test_command_help_shows_usage(command: str) -> None:
    result = invoke(command, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: main {command} ")


def test_unknown_command_exits_with_code_2(tmp_path: Path) -> None:
    finished = run("nonsense", folder=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.endswith("Error: No such command 'nonsense'.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dev", "--port", "65536"],
        ["serve", "--workers", "0"],
        ["token", "--expires-in", "5"],
        ["token", "--expires-in", "36501d"],
        ["token", "--user-id", "me"],
        ["schema", "--check", "no-such-file"],
        ["schema", "--check", __file__, "--output", __file__],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_invalid_arguments_exit_with_code_2(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")


def test_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert "version 0." in run("--version", folder=tmp_path).stdout


def test_token_is_the_demo_users_for_an_hour(tmp_path: Path) -> None:
    finished = run("token", folder=tmp_path, BETTER_AUTH_SECRET=SECRET)
    assert (finished.returncode, finished.stderr) == (0, "")
    claims = claims_of(finished.stdout)
    expected = {"sub": str(DEMO_USER.id), "email": DEMO_USER.email, "iat": claims["iat"]}
    assert claims == {**expected, "exp": int(str(claims["iat"])) + 3_600}


@pytest.mark.parametrize(
    ("given", "seconds"), [("1s", 1), ("2m", 120), ("12h", 43_200), ("36500d", 36_500 * 86_400)]
)
def test_token_expires_after_expires_in(
    monkeypatch: pytest.MonkeyPatch, given: str, seconds: int
) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", SECRET)
    claims = claims_of(invoke("token", "--expires-in", given).stdout)
    assert claims["exp"] == int(str(claims["iat"])) + seconds


def test_token_carries_options_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token carries all claims that the settings require."""
    monkeypatch.setenv("AUTH_ISSUER", "https://example.com")
    monkeypatch.setenv("AUTH_AUDIENCE", "todo")
    options = ["--user-id", OTHER_USER, "--email", "me@example.com", "--expires-in", "2d"]
    claims = claims_of(invoke("token", *options).stdout)
    assert claims.pop("exp") == int(str(claims.pop("iat"))) + 2 * 86_400
    assert claims == {
        "sub": OTHER_USER,
        "email": "me@example.com",
        "iss": "https://example.com",
        "aud": "todo",
    }


def test_token_of_another_user_has_no_email() -> None:
    assert "email" not in claims_of(invoke("token", "--user-id", OTHER_USER).stdout)


def test_token_without_secret_is_rejected(tmp_path: Path) -> None:
    """The command generates no secret."""
    assert refusal("token", folder=tmp_path).startswith("BETTER_AUTH_SECRET is not set: ")
    assert list(tmp_path.iterdir()) == []


def test_token_with_unreadable_secret_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root cannot read a folder as a file, either."""
    (tmp_path / ".todo-graphql/secret").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["token"])
    sentence = "Cannot use .todo-graphql/secret (Is a directory): set BETTER_AUTH_SECRET."
    assert (result.exit_code, result.stderr) == (1, f"Error: {sentence}\n")


def test_schema_is_printed_written_and_compared(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    printed = run("schema", folder=tmp_path)
    written = invoke("schema", "--output", str(file))
    compared = invoke("schema", "--check", str(file))
    assert printed.stdout == file.read_text() == sdl()
    assert (written.stdout, written.exit_code) == ("", 0)
    assert compared.stdout == f"{file} is the schema of this version.\n"
    assert compared.exit_code == 0


def test_schema_check_lists_breaking_changes(tmp_path: Path) -> None:
    known = sdl().replace("type Query {", "type Query {\n  weather: String\n")
    (tmp_path / "schema.graphql").write_text(known)
    finished = run("schema", "--check", "schema.graphql", folder=tmp_path)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.splitlines() == [
        "Error: schema.graphql is not the schema of this version.",
        "  breaking: Field Query.weather was removed.",
    ]


def test_schema_check_rejects_any_difference(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    file.write_text(sdl() + "\n# The end.\n")
    result = invoke("schema", "--check", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {file} is not the schema of this version.\n"


@pytest.mark.parametrize(
    "content", [b"Dear diary", b"\xff\xfe", b"type Query { me: Me }"], ids=["text", "bytes", "part"]
)
def test_schema_check_of_another_file_is_rejected(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "diary"
    file.write_bytes(content)
    result = invoke("schema", "--check", str(file))
    assert result.exit_code == 1
    assert result.stderr == f"Error: {file} is not a GraphQL schema.\n"


def test_schema_output_to_missing_folder_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "nowhere/schema.graphql"
    result = invoke("schema", "--output", str(file))
    assert result.exit_code == 1
    assert result.stderr == f"Error: Could not open file '{file}': No such file or directory\n"
