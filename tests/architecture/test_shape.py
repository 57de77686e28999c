"""The shape of the house: what stands where, and who may do what."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maillage import app
from maillage.db.migrations import discover

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "maillage"
SERVICES = SOURCE / "services"

ALLOWED_FILES = {
    "README.md", "__init__.py", "public.py", "pages.py", "operations.py", "ports.py", "jobs.py", "forms.py", "service.py",
    "resources.py", "rules.py", "events.py", "queries.sql",
}  # fmt: skip
ALLOWED_FOLDERS = {"service", "resources", "rules", "pages", "forms", "definitions", "migrations", "templates", "tests"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "util", "helper"}


def modules() -> list[Path]:
    return [p for p in SOURCE.rglob("*.py") if "tests" not in p.relative_to(SOURCE).parts and "generated" not in p.parts]


def services() -> list[Path]:
    return sorted(p for p in SERVICES.iterdir() if p.is_dir() and p.name != "__pycache__" and (p / "__init__.py").exists())


def test_every_service_is_loaded() -> None:
    """What `maillage.app` does not name has no routes, no handlers and no jobs, and nothing would say so."""
    assert {service.name for service in services()} == set(app.SERVICES)


REGISTERS = re.compile(
    r"^@(?:\w+\.)?(?:guard|guard_of_many|forgets|renders|asks|answers|reaction\w*|errand|task|periodic|watches|tells_\w+)\b",
    re.MULTILINE,
)


def test_what_registers_itself_is_loaded_with_every_process() -> None:
    """A guard, a reaction or an answer to another service that no process imports holds in tests alone, where something else imports it."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, maillage.app; maillage.app.load_services(); print(*sys.modules)"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    loaded = set(said.stdout.split())
    registering = [one for one in modules() if SERVICES in one.parents and REGISTERS.search(one.read_text("utf-8"))]
    names = {".".join(one.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__") for one in registering}
    assert len(names) > 30
    assert names - loaded == set()


@pytest.mark.parametrize("service", services(), ids=lambda p: p.name)
def test_a_service_has_the_one_shape(service: Path) -> None:
    names = {p.name for p in service.iterdir() if p.name != "__pycache__"}
    files = {n for n in names if (service / n).is_file()}
    assert files <= ALLOWED_FILES, f"a new file name needs an ADR: {files - ALLOWED_FILES}"
    assert names - files <= ALLOWED_FOLDERS, f"a new folder name needs an ADR: {names - files - ALLOWED_FOLDERS}"
    assert "README.md" in files, "each service says in 15 lines what it is for"
    assert not (service / "tests" / "__init__.py").exists()
    if (service / "templates").exists():
        assert [p.name for p in (service / "templates").iterdir()] == [service.name]


def test_rules_are_pure() -> None:
    """A decision takes values: no store, no clock, no network, no coroutine."""
    for path in SERVICES.rglob("rules*"):
        for module in [path] if path.suffix == ".py" else path.glob("*.py"):
            tree = ast.parse(module.read_text("utf-8"))
            coroutines = [n.name for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef)]
            imported = {a for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in [n.module or ""]}
            assert not coroutines, f"{module}: {coroutines}"
            assert not {m for m in imported if re.match(r"maillage\.(db|access|files|http|ui|clock|connectors)", m)}, module


def test_no_room_without_an_idea() -> None:
    assert not [p for p in modules() if p.stem in FORBIDDEN_NAMES]


def test_time_comes_only_from_the_clock() -> None:
    asked = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time|time\.monotonic|time\.perf_counter)\b\(")
    offenders = [str(p.relative_to(ROOT)) for p in modules() if p.name != "clock.py" and asked.search(p.read_text("utf-8"))]
    assert not offenders


def test_migrations_of_a_folder_are_numbered_in_a_row() -> None:
    """Two branches that each added the next number meet here: the database would refuse both."""
    assert discover()


SQL = re.compile(r"^\s*(select|insert into|update|delete from|with|create (table|index)|alter table|truncate)\s", re.IGNORECASE)
SQL_PLACES = ("fhir/search", "db/")  # search composes; db speaks to the server about itself


def test_sql_lives_in_sql_files() -> None:
    for path in modules():
        where = str(path.relative_to(SOURCE))
        if where.startswith(SQL_PLACES):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        docstrings = {
            id(n.body[0].value)
            for n in ast.walk(tree)
            if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and n.body and isinstance(n.body[0], ast.Expr)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                text = node.value
                assert not (SQL.match(text) and re.search(r"\b(from|values|set|as)\b", text, re.IGNORECASE)), (
                    f"{where}:{node.lineno}: {text[:60]!r}"
                )


def test_every_template_is_used() -> None:
    code = "\n".join(p.read_text("utf-8") for p in modules())
    templates = list(SOURCE.rglob("templates/**/*.html"))
    text = code + "\n".join(p.read_text("utf-8") for p in templates)
    for template in templates:
        name = "/".join(template.parts[template.parts.index("templates") + 1 :])
        assert text.count(name) >= 1, f"{name} is never rendered, included, imported or extended"


INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|\sstyle=[\"']|\son[a-z]+=[\"']|javascript:", re.IGNORECASE)


def test_no_template_has_inline_script_or_style() -> None:
    """The content security policy refuses them: they would be there and do nothing."""
    offenders = [
        str(path.relative_to(ROOT)) for path in SOURCE.rglob("templates/**/*.html") if INLINE.search(path.read_text("utf-8"))
    ]
    assert not offenders


def test_documents_speak_of_what_exists() -> None:
    """A path named in backticks in the project's own documents is there."""
    named = re.compile(r"`((?:src|tests|bench|docs|deploy|tools)/[A-Za-z0-9_./-]+)`")
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for path in named.findall(document.read_text("utf-8")):
            assert (ROOT / path.rstrip("/")).exists(), f"{document.name} names {path}"


def test_a_page_is_waited_for() -> None:
    """`expect` asks until the page says so; `is_visible` asks once, perhaps of a page that is still arriving."""
    once = re.compile(r"\.is_(visible|hidden|enabled|disabled|checked)\(\)")
    asked = [
        path for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("src/**/tests/*.py")) if once.search(path.read_text("utf-8"))
    ]
    assert not asked
