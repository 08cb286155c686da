# Everyday commands. `just` lists them.

default:
    @just --list

# Serve on http://127.0.0.1:8000
serve:
    cargo run --release

# Before each commit: format, lints, unit tests, specification, links
check:
    .ci/check

# Tests on SQLite
test *args:
    cargo test {{args}}

# Tests on SQLite and PostgreSQL
test-all:
    cargo test -- --include-ignored

# Write the generated files: openapi.json, .env.example, docs/reference/problems.md
generate:
    cargo run -- openapi
    UPDATE_SNAPSHOTS=1 cargo test --lib env_example
    UPDATE_SNAPSHOTS=1 cargo test --lib problems

# Everything that has to hold before a change lands
ci:
    .ci/run
