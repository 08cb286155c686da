"""Runs the walk through README.md to the letter, in the current folder and against the service that it talks to: every `sh` block in one
shell, and the lines after `$` of `text` blocks but those that start the service. What comes out has to be what the README shows, but
for what differs each time: ids, times, tokens.

    python3 walk.py README.md
"""

import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

SECTION = "A walk through"
# Differ each time.
VARIABLE = re.compile(r"^(id|.*_at|access_token|refresh_token|request_id|next_cursor)$")
END = "--- end of block ---"
PATIENCE_SECONDS = 120


def blocks(readme: str) -> list[tuple[str, str]]:
    _, section = readme.split(f"\n## {SECTION}\n", 1)
    section = section.split("\n## ", 1)[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def shape(value: object) -> object:
    """The value without what differs each time."""
    if isinstance(value, dict):
        members = value.items()
        return {name: "…" if VARIABLE.match(name) and isinstance(it, str) else shape(it) for name, it in members}
    if isinstance(value, list):
        return [shape(it) for it in value]
    return value


def answers(text: str) -> list[object]:
    return [shape(json.loads(line)) for line in text.splitlines() if line.startswith("{")]


def await_mail() -> None:
    """A person who reads has seen the mail come."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not list(Path("outbox").glob("*.eml")) and time.monotonic() < until:
        time.sleep(0.1)


class Shell:
    def __init__(self) -> None:
        command = ["timeout", "--kill-after=5", str(PATIENCE_SECONDS), "bash", "-euo", "pipefail"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.stdin = io.TextIOWrapper(self.process.stdin)
        # A carriage return stays what it is.
        self.stdout = io.TextIOWrapper(self.process.stdout, newline="\n")

    def run(self, script: str) -> str:
        self.stdin.write(f"{script}\necho\necho '{END}'\n")
        self.stdin.flush()
        lines = []
        for line in self.stdout:
            if line.rstrip("\n") == END:
                return "".join(lines)
            lines.append(line)
        sys.exit(f"README.md: this failed with status {self.process.wait()}:\n{script}\n{''.join(lines)}")


def main() -> None:
    shell, said, shown = Shell(), [], 0
    for kind, text in blocks(Path(sys.argv[1]).read_text()):
        if kind == "sh":
            print(text, end="")
            if "outbox/" in text:
                await_mail()
            output = shell.run(text)
            if "\r" in output:
                sys.exit(f"README.md: this prints a carriage return:\n{text}")
            said += answers(output)
        elif kind == "text":
            for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
                if not command.startswith("cargo run"):
                    print(command)
                    shell.run(command)
        elif kind == "json":
            expected = answers(text)
            # The last ones: what an earlier block said of an account may go unshown.
            found = said[-len(expected):]
            if found != expected:
                sys.exit(f"README.md shows\n{json.dumps(expected, indent=1)}\nand there came\n{json.dumps(found, indent=1)}")
            said, shown = [], shown + len(expected)
    if shown < 6:
        sys.exit(f"only {shown} answers are shown")
    print(f"{shown} answers are what README.md shows.")


main()
