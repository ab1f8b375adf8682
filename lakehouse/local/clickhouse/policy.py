"""What the read-only user may ask, judged on the syntax tree that the engine's own parser prints.

Three fences stand one behind the other: the engine's role (grants on the marts only), `readonly = 1` with limits,
and these allow-lists for what the engine's grants do not cover in process: system tables, functions that read files
or call out, and statements that are reads in name only. Whatever is not listed is refused, functions included: those
of the pinned engine that were judged harmless stand in functions.txt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.local.clickhouse.errors import ClickHouseError, access_denied

SYSTEM_TABLES = frozenset((
    "aggregate_function_combinators", "build_options", "collations", "columns", "data_type_families", "databases",
    "formats", "functions", "keywords", "numbers", "numbers_mt", "one", "settings", "table_engines", "table_functions",
    "tables", "time_zones",
))  # fmt: skip
MAX_DEPTH = 300
METADATA_DATABASES = frozenset(("information_schema", "INFORMATION_SCHEMA"))
TABLE_FUNCTIONS = frozenset((
    "generate_series", "generateseries", "null", "numbers", "numbers_mt", "primes", "values", "view",
))  # fmt: skip
# Judged and refused: they look into the process, its machine, its files or its dictionaries, or call out. The list
# decides nothing at run time (what functions.txt lacks is refused); it says that these were not forgotten.
REFUSED_FUNCTIONS = frozenset((
    "addresstoline", "addresstolinewithinlines", "addresstosymbol", "aiclassify", "aiembed", "aiextract",
    "aifilter", "aigenerate", "airedact", "aisimilarity", "aitranslate", "authenticateduser", "catboostevaluate",
    "currentrequesturl", "demangle", "evalmlmethod", "file", "filesystemavailable", "filesystemcapacity",
    "filesystemunreserved", "getclienthttpheader", "getmacro", "getoskernelversion", "getserverport",
    "getserversetting", "hascolumnintable", "joinget", "joingetornull", "logtrace", "mergetreepartinfo",
    "showcertificate", "tcpport", "timeseriesstoretags", "transactionid", "transactionlatestsnapshot",
    "transactionoldestsnapshot", "zookeepersessionuptime",
))  # fmt: skip
REFUSED_PREFIXES = ("dictget", "dicthas", "dictisin")
FUNCTIONS = frozenset(
    line
    for line in Path(__file__).with_name("functions.txt").read_text(encoding="ascii").splitlines()
    if not line.startswith("#")
)
# What the parser prints as a function and the engine does not list as one.
SYNTAX_FUNCTIONS = frozenset(("lambda",))
# An aggregate function may end in any number of these: sumIf, uniqArrayIf.
COMBINATORS = (
    "simplestate", "ordefault", "distinct", "resample", "foreach", "argmax", "argmin", "ornull", "tuple", "merge",
    "state", "array", "map", "if",
)  # fmt: skip
_IN_FUNCTIONS = frozenset(
    f"{scope}{negation}{null}in{suffix}"
    for scope in ("", "global")
    for negation in ("", "not")
    for null in ("", "null")
    for suffix in ("", "ignoreset")
)
_PLAIN_NODES = frozenset((
    "ArrayJoin", "Asterisk", "ColumnsExceptTransformer", "ColumnsListMatcher", "ColumnsRegexpMatcher",
    "ColumnsReplaceTransformer", "ColumnsReplaceTransformer::Replacement", "ColumnsTransformerList", "DescribeQuery",
    "Explain", "ExpressionList", "Identifier", "InterpolateElement", "Literal", "OrderByElement", "QualifiedAsterisk",
    "QualifiedColumnsListMatcher", "QualifiedColumnsRegexpMatcher", "QueryParameter", "SampleRatio",
    "SelectIntersectExceptQuery", "SelectQuery", "SelectWithUnionQuery", "ShowColumns", "ShowFunctions",
    "ShowIndexes", "ShowSetting", "ShowTables", "Subquery", "TableExpression", "TableJoin", "TablesInSelectQuery",
    "TablesInSelectQueryElement", "WindowDefinition", "WindowListElement", "WithElement",
))  # fmt: skip
_OBJECT_STATEMENTS = frozenset((
    "ExistsDatabaseQuery", "ExistsTableQuery", "ExistsViewQuery", "ShowCreateDatabaseQuery", "ShowCreateTableQuery",
    "ShowCreateViewQuery",
))  # fmt: skip
_CHILDREN = re.compile(r" \(children (?P<count>\d+)\)$")
_LINE = re.compile(r"(?P<indent> *)(?P<kind>[A-Za-z:]+)(?: (?P<name>.*))?$")
_ALIAS = re.compile(r" ?\(alias .*\)$")


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the printed syntax tree: kind, the text after it, its children."""

    kind: str
    name: str
    children: tuple["Node", ...]


def parse_tree(dump: str) -> Node:
    """Read what EXPLAIN AST printed. Raises ClickHouseError where depth and child counts do not fit together:

    a name with a line break in it could otherwise pretend to be other nodes.
    """
    lines = dump.rstrip("\n").split("\n")
    if any(line.startswith(" " * MAX_DEPTH) for line in lines):
        raise ClickHouseError(167, "TOO_DEEP_AST", f"The statement is nested deeper than {MAX_DEPTH} levels")
    root, used = _read_node(lines, 0, 0)
    if used != len(lines):
        raise _unreadable()
    return root


@dataclass(frozen=True, slots=True)
class Scope:
    """What a read-only user may reach: the marts' databases, the database of unqualified names, and the lower-case
    names of every table function that the engine has (to know one where it may stand unannounced).
    """

    databases: frozenset[str]
    current: str
    table_functions: frozenset[str]

    def check_database(self, name: str) -> None:
        """Raise ClickHouseError 497 unless the database's objects may be listed."""
        if name not in self.databases and name not in METADATA_DATABASES:
            raise access_denied(f"a read-only user may not use the database {name}")

    def check_table(self, name: str) -> None:
        """Raise ClickHouseError 497 unless the table may be read."""
        database, dot, table = name.partition(".")
        if not dot:
            database, table = self.current, name
        if database == "system" and table in SYSTEM_TABLES:
            return
        self.check_database(database)


def judge(dump: str, scope: Scope) -> None:
    """Raise ClickHouseError 497 unless every part of the printed syntax tree is allowed."""
    _check(parse_tree(dump), scope)


def _check(node: Node, scope: Scope) -> None:
    if node.kind == "Function":
        _check_function(node, scope)
    elif node.kind == "TableIdentifier":
        scope.check_table(node.name)
    elif node.kind in _OBJECT_STATEMENTS:
        # Printed as "database table", the database empty where none is named, the table where it is the object.
        scope.check_database(node.name.partition(" ")[0] or scope.current)
    elif node.kind == "Set":
        raise ClickHouseError(164, "READONLY", "Cannot modify settings in readonly mode.")
    elif node.kind not in _PLAIN_NODES:
        raise access_denied(f"a read-only user may not use {node.kind}")
    for child in node.children:
        if node.kind == "TableExpression" and child.kind == "Function":
            _check_table_function(child.name)
        _check(child, scope)


def _check_function(node: Node, scope: Scope) -> None:
    name = node.name.lower()
    if not _is_known(name):
        raise access_denied(f"a read-only user may not call {node.name}()")
    if name not in _IN_FUNCTIONS:
        return
    for argument in _right_sides(node):
        if argument.kind == "Identifier":
            scope.check_table(argument.name)
        elif argument.kind == "Function" and argument.name.lower() in scope.table_functions:
            _check_table_function(argument.name)


def _is_known(name: str) -> bool:
    if name in FUNCTIONS or name in SYNTAX_FUNCTIONS or name in TABLE_FUNCTIONS:
        return True
    return any(name.endswith(suffix) and _is_known(name.removesuffix(suffix)) for suffix in COMBINATORS)


def _right_sides(node: Node) -> Sequence[Node]:
    """What stands right of IN, which the analyzer may resolve to a table."""
    return [argument for child in node.children for argument in child.children[1:]]


def _check_table_function(name: str) -> None:
    if name.lower() not in TABLE_FUNCTIONS:
        raise access_denied(f"a read-only user may not use the table function {name}()")


def _read_node(lines: Sequence[str], position: int, depth: int) -> tuple[Node, int]:
    if position >= len(lines):
        raise _unreadable()
    suffix = _CHILDREN.search(lines[position])
    found = _LINE.match(_CHILDREN.sub("", lines[position]))
    position += 1
    if found is None or len(found["indent"]) != depth:
        raise _unreadable()
    children = []
    for _ in range(int(suffix["count"]) if suffix else 0):
        child, position = _read_node(lines, position, depth + 1)
        children.append(child)
    return Node(found["kind"], _ALIAS.sub("", found["name"] or ""), tuple(children)), position


def _unreadable() -> ClickHouseError:
    return access_denied("the statement's syntax tree cannot be read without doubt (a name with a line break?)")
