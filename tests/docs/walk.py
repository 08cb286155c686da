"""Runs one section of a page to the letter, in the current folder and against the service that it talks to: every `sh` block in one
shell, and the lines after `$` of `text` blocks, except those that start the service. What comes out has to be what the page shows,
apart from what differs each time: ids, times, tokens.

    python3 walk.py PAGE SECTION ANSWERS    # ANSWERS: how many the section shows at least
"""

import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

# Differ each time.
VARIABLE = re.compile(r"^(id|.*_at|access_token|refresh_token|request_id|next_cursor)$")
END = "--- end of block ---"
PATIENCE_SECONDS = 120


def blocks(page: str, section: str) -> list[tuple[str, str]]:
    _, text = page.split(f"\n## {section}\n", 1)
    text = text.split("\n## ", 1)[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


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
    """A reader has seen the mail arrive."""
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
        sys.exit(f"this failed with status {self.process.wait()}:\n{script}\n{''.join(lines)}")


def main() -> None:
    page, section, least = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    shell, said, shown = Shell(), [], 0
    for kind, text in blocks(page.read_text(), section):
        if kind == "sh":
            print(text, end="")
            if "outbox/" in text:
                await_mail()
            output = shell.run(text)
            if "\r" in output:
                sys.exit(f"{page}: this prints a carriage return:\n{text}")
            said += answers(output)
        elif kind == "text":
            for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
                if not command.startswith("cargo run"):
                    print(command)
                    shell.run(command)
        elif kind == "json":
            expected = answers(text)
            # The last ones: the page need not show every answer of an earlier block.
            found = said[-len(expected) :]
            if found != expected:
                shows, came = json.dumps(expected, indent=1), json.dumps(found, indent=1)
                sys.exit(f"{page} shows\n{shows}\nbut the service answered\n{came}")
            said, shown = [], shown + len(expected)
    if shown < least:
        sys.exit(f"{page}: only {shown} answers are shown")
    print(f"{page}: {shown} answers are what the page shows.")


main()
