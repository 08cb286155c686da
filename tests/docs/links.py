"""Checks the links between the pages in Markdown: each relative link leads to a file of the repository, each anchor to a heading,
and `docs/SUMMARY.md` lists every page of `docs`. Pages that code, scripts and prose name by their paths exist, too.

    python3 links.py
"""

import re
import subprocess
import sys
from os.path import normpath
from pathlib import Path

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|\bhref=\"([^\"]+)\"|\bsrc=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
MENTION = re.compile(r"\bdocs/[a-z0-9/-]+\.md\b")
CODE = re.compile(r"`[^`\n]*`")


def anchor(heading: str) -> str:
    """As GitHub and mdBook make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text())
    return {anchor(found) for found in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def main() -> None:
    names = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.split()
    files = set(names)
    folders = {str(parent) for name in names for parent in Path(name).parents}
    pages = [Path(name) for name in names if name.endswith(".md")]
    wrong, checked = [], 0
    for page in pages:
        text = CODE.sub("", FENCE.sub("", page.read_text()))
        for found in LINK.finditer(text):
            target = next(group for group in found.groups() if group is not None)
            if re.match(r"[a-z]+:", target):
                continue
            checked += 1
            path, _, at = target.partition("#")
            to = Path(normpath(page.parent / path)) if path else page
            if str(to) not in files | folders:
                wrong.append(f"{page}: {target} leads nowhere")
            elif at and to.suffix == ".md" and at not in anchors(to):
                wrong.append(f"{page}: {to} has no heading #{at}")
    summary = Path("docs/SUMMARY.md").read_text()
    listed = {normpath(Path("docs") / target) for target in re.findall(r"\]\(([^)#\s]+)\)", summary)}
    wrong += [
        f"docs/SUMMARY.md does not list {page}"
        for page in map(str, pages)
        if page.startswith("docs/") and page not in listed | {"docs/SUMMARY.md"}
    ]
    mentions = 0
    for name in names:
        try:
            found = set(MENTION.findall(Path(name).read_text()))
        except (UnicodeDecodeError, OSError):
            continue
        mentions += len(found)
        wrong += [f"{name}: there is no {page}" for page in sorted(found) if not any(it.endswith(page) for it in files)]
    if mentions < 10:
        wrong.append(f"only {mentions} pages are named")
    if checked < 100:
        wrong.append(f"only {checked} links were found")
    print("\n".join(wrong) or f"{checked} links between {len(pages)} pages lead where they say.")
    sys.exit(bool(wrong))


main()
