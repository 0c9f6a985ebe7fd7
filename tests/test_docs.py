"""What the pages promise: links lead somewhere, tables are as the code says, nothing tells of the maker's machine."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(
    not README.exists(), reason="the pages are not here: an installed package, not a checkout"
)

# In parts, so that this file holds none of them.
REGISTRIES = [
    ".".join(parts) for parts in (("npmjs", "org"), ("npmjs", "com"), ("pypi", "org"), ("pythonhosted", "org"))
]
# Homes, temporary folders and build folders of whoever made a file.
MACHINE = re.compile(rb"(?<![\w.~-])/(?:home/[a-z]\w*|Users/\w+|root|tmp|work|workspace|var/folders)/[\w.]+")


def _by_path(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def _tracked() -> tuple[Path, ...]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files belong to the project is not known")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return tuple(file for file in files if file.is_file())


def _matches(pattern: re.Pattern[bytes]) -> list[str]:
    """``file:line`` of every match in a file of the project."""
    found = []
    for file in _tracked():
        data = file.read_bytes()
        for match in pattern.finditer(data):
            line = data.count(b"\n", 0, match.start()) + 1
            found.append(f"{_by_path(file)}:{line}")
    return found


# --- links -----------------------------------------------------------------------------------------------


def _prose(page: Path) -> str:
    """A page without its code: what looks like a link in code is none."""
    text = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def _links(page: Path) -> Iterator[str]:
    for match in re.finditer(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()\s]*\))?)[^()]*\)", _prose(page)):
        yield match[1]


def _anchors(page: Path) -> set[str]:
    """What headings are called in an address, as GitHub makes it."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, flags=re.MULTILINE):
        base = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number, anchor = 0, base
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=_by_path)
def test_every_link_to_a_page_or_a_file_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _links(page):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken, f"{_by_path(page)} links to {', '.join(broken)}"


@pytest.mark.parametrize("page", PAGES, ids=_by_path)
def test_links_leave_only_over_https_and_stay_in_the_repository(page: Path) -> None:
    odd = []
    for link in _links(page):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            if not link.startswith("https://"):
                odd.append(link)
        elif not (page.parent / link.partition("#")[0]).resolve().is_relative_to(ROOT):
            odd.append(link)
    assert not odd, f"{_by_path(page)} links to {', '.join(odd)}"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page in reached or page not in PAGES:
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in _links(page) if "://" not in link]
    assert not {_by_path(page) for page in set(PAGES) - reached}


# --- what the code makes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [p for p in PAGES if "[[[cog" in p.read_text(encoding="utf-8")], ids=_by_path)
def test_what_the_code_makes_in_a_page_is_fresh(page: Path) -> None:
    if "docs_examples" in page.read_text(encoding="utf-8") and not any(ROOT.glob("snapshots/*/captures.jsonl")):
        pytest.skip("the examples need the recorded history, which is not here")
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", page], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nmake it again: cog -r {_by_path(page)}"


# --- what people are told to type --------------------------------------------------------------------------


def _commands(page: Path) -> Iterator[str]:
    """Everything in code that starts with our command: one line, or one stretch of code within a sentence."""
    text = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    fences = [code for language, code in blocks if language in ("sh", "console", "bash", "text", "ini")]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    for line in [*(line for fence in fences for line in fence.splitlines()), *spans]:
        found = re.search(r"(?:^|[\s/=])borderwatch( +(?:-C|[a-z-]).*)$", line)
        if found and not line.startswith(("Description", "User", "pip")):
            yield re.split(r" [>|#&;]", found[1])[0].strip()


@pytest.mark.parametrize("page", PAGES, ids=_by_path)
def test_every_command_a_page_names_exists_with_its_options(page: Path) -> None:
    from borderwatch.cli import main

    wrong = []
    for line in _commands(page):
        words = shlex.split(line)
        command = main.commands.get(words[0])
        if command is None:
            wrong.append(line)
            continue
        known = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}
        wrong += [line for word in words[1:] if word.startswith("-") and word not in known]
    assert not wrong, f"{_by_path(page)} tells people to type: {'; '.join(wrong)}"


def test_every_command_is_told_of_in_some_page() -> None:
    from borderwatch.cli import main

    told = {shlex.split(line)[0] for page in PAGES for line in _commands(page)}
    assert set(main.commands) <= told


# --- the two set-up lines ----------------------------------------------------------------------------------


def test_the_readme_has_one_line_to_run_and_one_line_to_test() -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if re.search(r"python3? -m venv", line)]
    assert len(lines) == 2, "README gives exactly two set-up lines"
    run, test = lines
    assert run.endswith("borderwatch run")
    assert "pytest" not in run
    # .ci/run takes this line from the README by its beginning and runs it.
    assert re.match(r"python3 -m venv .*pytest", test)


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are for a POSIX shell")
def test_the_set_up_lines_are_shell_that_parses() -> None:
    for line in re.findall(r"^.*python3 -m venv.*$", README.read_text(encoding="utf-8"), flags=re.MULTILINE):
        subprocess.run(["bash", "-n", "-c", line], check=True)


def test_the_readme_shows_a_picture_of_a_map() -> None:
    pictures = re.findall(r"!\[([^\]]+)\]\(([^)\s]+)\)", _prose(README))
    assert any((ROOT / path).suffix in (".png", ".jpg", ".svg") and len(about) > 20 for about, path in pictures)


# --- nothing of the machine ------------------------------------------------------------------------------


def test_no_file_of_the_project_names_a_package_registry() -> None:
    pattern = re.compile(b"|".join(re.escape(host.encode()) for host in REGISTRIES), re.IGNORECASE)
    assert not _matches(pattern), "which registry answered is a matter of the machine: use a package URL (pkg:npm/…)"


def test_no_file_of_the_project_holds_a_path_of_the_machine_it_was_made_on() -> None:
    assert not _matches(MACHINE)


def test_no_file_of_the_project_is_a_derived_one() -> None:
    derived = re.compile(r"(^|/)maps/.*\.html$|\.(db|db-wal|db-shm|pyc)$")
    assert not [name for name in map(_by_path, _tracked()) if derived.search(name)]
