"""Regular expressions are written in our sources: what comes from outside is searched, never part of how it is searched."""

import ast
from pathlib import Path

import maillage

SOURCE = Path(maillage.__file__).parent
BUILT = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
HANDED_IN = {
    "db/migrations.py": "what a migration of ours says to leave out of the file that it includes",
    "fhir/fhirpath/functions.py": "matches() of FHIRPath takes a pattern: short, and refused where it repeats what repeats",
    "fhir/sounds.py": "rules written above it, in the same table",
    "fhir/validation/primitives.py": "a pattern for each type, written below it",
}


def patterns() -> list[tuple[str, int, ast.expr, frozenset[str]]]:
    """Each pattern that our sources hand to `re`: where, which, and the names of that module that stand for texts written in it."""
    found = []
    for path in SOURCE.rglob("*.py"):
        if "tests" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        written = written_in(tree)
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            if (
                isinstance(called, ast.Attribute)
                and isinstance(called.value, ast.Name)
                and called.value.id == "re"
                and called.attr in BUILT
            ):
                assert isinstance(node, ast.Call)
                found.append((str(path.relative_to(SOURCE)), node.lineno, node.args[0], written))
    return found


def written_in(tree: ast.Module) -> frozenset[str]:
    """Names of the module's own level whose value is made of texts written there."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=True))
            names |= {one.id for one, said in pairs if isinstance(one, ast.Name) and is_written(said, frozenset(names))}
    return frozenset(names)


def is_written(node: ast.expr, names: frozenset[str]) -> bool:
    """Whether an expression is a text of ours; what is escaped counts as one."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes | int)
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.BinOp):
        return is_written(node.left, names) and is_written(node.right, names)
    if isinstance(node, ast.JoinedStr):
        return all(is_written(one, names) for one in node.values)
    if isinstance(node, ast.FormattedValue):
        return is_written(node.value, names)
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "re.escape"


def test_no_pattern_is_built_from_what_is_sent() -> None:
    found = patterns()
    assert len(found) > 40
    assert {place for place, _, one, names in found if not is_written(one, names)} == set(HANDED_IN)


def test_a_pattern_that_is_built_would_be_seen() -> None:
    for text, ours in (
        ("r'a' + rest", False),
        ("f'{name}x'", False),
        ("f'{re.escape(name)}x'", True),
        ("re.escape(a) + 'b'", True),
        ("OURS", True),
    ):
        assert is_written(ast.parse(text, mode="eval").body, frozenset({"OURS"})) is ours, text


def test_the_database_is_given_no_pattern_either() -> None:
    """`like` is given texts whose wildcards the search escapes; regular expressions stand in SQL files as they are."""
    for path in SOURCE.rglob("*.sql"):
        for line in path.read_text(encoding="utf-8").splitlines():
            operators = (" ~ %", " ~* %", " !~ %", "similar to %", "regexp_replace(%", "regexp_match(%")
            assert not any(one in line.lower() for one in operators), (path.name, line)
