"""The data URLs of ERMrest: `/{api}/{path}?{query}` to a `Query`.

The language is ERMrest's (its api-doc/data/naming.md): unreserved characters, `*` and percent escapes make names and
values, `( ) : ; , = @ & / ! $` are syntax. A path is a few slices between slashes, so each is parsed by itself, by
recursive descent; only parentheses in filters nest, and their depth is limited.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_to_bytes

from .ast import (
    And,
    ColumnsElement,
    Comparison,
    ContextElement,
    Element,
    Filter,
    FilterElement,
    Name,
    Not,
    Or,
    Projection,
    Query,
    SortKey,
    TableElement,
)
from .model import ErmrestError
from .problems import malformed, unsupported

APIS = ("entity", "attribute", "attributegroup", "aggregate")
SUMMARIES = frozenset({"trs", "tcrs"})
"""Functions of a RID column that say what the client may do with the row."""
AGGREGATES = frozenset({"array", "array_d", "avg", "sum", "cnt", "cnt_d", "min", "max"})
OPERATORS = frozenset({"geq", "gt", "leq", "lt", "regexp", "ciregexp", "ts"})
OUTER = frozenset({"left", "right", "full"})

MAX_NESTING = 64
"""How deep parentheses of a filter may nest."""

MAX_PATH = 1 << 20
"""Longest path that is looked at, in characters. Servers cut far earlier."""

_TOKEN = re.compile(r"(?P<text>(?:[-*_.~A-Za-z0-9]|%[0-9A-Fa-f]{2})+)|(?P<mark>::|:=|[():;,=@&/?!$])")

_TEXT = "text"
_END = ("end", "")
Token = tuple[str, str]
"""Kind and decoded value. The kind of syntax is the syntax itself; of names and values it is `text`."""


def parse(api: str, path: str, query: str = "") -> Query:
    """Parse a data URL.

    Args:
        api: `entity`, `attribute`, `attributegroup` or `aggregate`.
        path: What follows `/{api}/`, still percent-encoded (aiohttp: cut it from `request.raw_path`; `rel_url` has
            escapes already decoded that matter here).
        query: The raw query string, without its question mark.

    Raises:
        ErmrestError: 400 when it does not parse, 501 when it does but is not supported.
    """
    if api not in APIS:
        raise ValueError(f"no data resource is called {api!r}")
    slices, modifiers = _slices(_tokens(path))
    if api != "entity" and len(slices) < 2:
        raise _unexpected(_END)
    root = _Slice(slices[0]).root()
    inner = slices[1:] if api == "entity" else slices[1:-1]
    elements = tuple(_Slice(tokens).element() for tokens in inner)
    keys: tuple[Projection, ...] = ()
    columns: tuple[Projection, ...] = ()
    if api == "attribute":
        columns = _Slice(slices[-1]).attributes()
    elif api == "aggregate":
        columns = _Slice(slices[-1]).leaf()
    elif api == "attributegroup":
        keys, columns = _Slice(slices[-1]).groups()
    sort, before, after = _modifiers(modifiers)
    options = _options(query)
    return Query(api, root, elements, keys, columns, sort, before, after, _limit(options), options)


def _tokens(path: str) -> list[Token]:
    if len(path) > MAX_PATH:
        raise malformed("The URL is too long.")
    tokens: list[Token] = []
    at = 0
    while at < len(path):
        match = _TOKEN.match(path, at)
        if match is None:
            raise malformed(f"URL parse error at character {at + 1}: {path[at]!r} must be percent-encoded")
        at = match.end()
        if match.lastgroup == _TEXT:
            tokens.append((_TEXT, _decoded(match[0])))
        else:
            tokens.append((match[0], match[0]))
    return tokens


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    try:
        value = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise malformed(f"{text} is not UTF-8 when decoded") from None
    if "\0" in value:
        raise malformed("a name or value holds a NUL character")
    return value


def _unexpected(token: Token) -> ErmrestError:
    if token is _END:
        return malformed("URL parse error at token: None")
    return malformed(f"URL parse error at token: {token[1]}")


def _slices(tokens: list[Token]) -> tuple[list[list[Token]], list[Token]]:
    """The path elements, and what comes from the first `@` on. Slash and at-sign occur nowhere else in the grammar."""
    slices: list[list[Token]] = [[]]
    for index, token in enumerate(tokens):
        if token[0] == "/":
            slices.append([])
        elif token[0] == "@":
            return slices, tokens[index:]
        elif token[0] == "?":
            raise _unexpected(token)
        else:
            slices[-1].append(token)
    return slices, []


class _Slice:
    """Recursive descent over the tokens of one path element."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    # tokens

    def _peek(self, ahead: int = 0) -> Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _END

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, kind: str) -> bool:
        if self._peek()[0] != kind:
            return False
        self._at += 1
        return True

    def _expect(self, kind: str) -> str:
        token = self._next()
        if token[0] != kind:
            raise _unexpected(token)
        return token[1]

    def end(self) -> None:
        """All tokens must have been used."""
        if self._peek() is not _END:
            raise _unexpected(self._peek())

    # names

    def _name(self) -> Name:
        self._take(":")
        parts = [self._expect(_TEXT)]
        while self._take(":"):
            parts.append(self._expect(_TEXT))
        return Name(tuple(parts))

    def _names(self) -> tuple[Name, ...]:
        names = [self._name()]
        while self._take(","):
            names.append(self._name())
        return tuple(names)

    def _alias(self) -> str | None:
        if self._peek()[0] == _TEXT and self._peek(1)[0] == ":=":
            alias = self._next()[1]
            self._next()
            return alias
        return None

    # path elements

    def root(self) -> TableElement:
        """The first element: a table."""
        alias = self._alias()
        found = TableElement(self._name(), alias)
        self.end()
        return found

    def element(self) -> Element:
        """Any later element."""
        alias = self._alias()
        found: Element | None
        if self._peek()[0] == "$" and alias is None:
            self._next()
            found = ContextElement(self._name())
        else:
            found = self._columns(alias) or self._table(alias)
            if found is None:
                if alias is not None:
                    raise _unexpected(self._peek())
                found = FilterElement(self._filter(0))
        self.end()
        return found

    def _table(self, alias: str | None) -> TableElement | None:
        start = self._at
        if self._peek()[0] in (_TEXT, ":"):
            name = self._name()
            if self._peek() is _END:
                return TableElement(name, alias)
        self._at = start
        return None

    def _columns(self, alias: str | None) -> ColumnsElement | None:
        """`(a,b)`, `(a,b)=(c,d)`, with `left`, `right` or `full` before it; None when this is something else."""
        start = self._at
        outer = None
        first, second = self._peek(), self._peek(1)
        if first[0] == _TEXT and first[1].lower() in OUTER and second[0] == "(":
            outer = self._next()[1].lower()
        if not self._take("("):
            return None
        if outer is None and alias is None and not self._only_names():
            self._at = start
            return None
        left = self._names()
        self._expect(")")
        right = None
        if self._take("="):
            self._expect("(")
            right = self._names()
            self._expect(")")
        if outer is not None and right is None:
            raise unsupported("Outer joins need both sides written out, as in left(a)=(schema:table:b).")
        return ColumnsElement(left, right, outer, alias)

    def _only_names(self) -> bool:
        """Whether what follows up to the next bracket is a list of names: else the bracket opens a filter."""
        ahead = 0
        while (kind := self._peek(ahead)[0]) in (_TEXT, ":", ","):
            ahead += 1
        return ahead > 0 and kind == ")"

    # filters

    def _filter(self, depth: int) -> Filter:
        if depth > MAX_NESTING:
            raise malformed(f"Filters may nest at most {MAX_NESTING} brackets deep.")
        terms = [self._conjunction(depth)]
        while self._take(";"):
            terms.append(self._conjunction(depth))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _conjunction(self, depth: int) -> Filter:
        terms = [self._predicate(depth)]
        while self._take("&"):
            terms.append(self._predicate(depth))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _predicate(self, depth: int) -> Filter:
        if self._take("!"):
            return Not(self._plain(depth))
        return self._plain(depth)

    def _plain(self, depth: int) -> Filter:
        if self._take("("):
            term = self._filter(depth + 1)
            self._expect(")")
            return term
        name = self._name()
        operator = "="
        if not self._take("="):
            self._expect("::")
            token = self._next()
            operator = token[1].lower()
            if token[0] != _TEXT or (operator != "null" and operator not in OPERATORS):
                raise _unexpected(token)
            self._expect("::")
        if operator == "null":
            return Comparison(name, operator)
        text = self._next()[1] if self._peek()[0] == _TEXT else ""
        if self._peek()[0] != "(":
            return Comparison(name, operator, (text,))
        quantifier = text.lower()
        if quantifier not in ("any", "all"):
            raise malformed("Value list requires quantifier prefix, e.g. all(1,2,3) or any(1,2,3)")
        return Comparison(name, operator, self._values(), quantifier)

    def _values(self) -> tuple[str, ...]:
        self._expect("(")
        values = []
        while True:
            values.append(self._next()[1] if self._peek()[0] == _TEXT else "")
            if self._take(")"):
                return tuple(values)
            self._expect(",")

    # projections

    def attributes(self) -> tuple[Projection, ...]:
        """The projection of `attribute`."""
        found = self._list(aggregates=False)
        self.end()
        return found

    def leaf(self) -> tuple[Projection, ...]:
        """The projection of `aggregate`."""
        found = self._list(aggregates=True)
        self.end()
        return found

    def groups(self) -> tuple[tuple[Projection, ...], tuple[Projection, ...]]:
        """Group keys, and what follows the semicolon."""
        keys = self._list(aggregates=False)
        columns: tuple[Projection, ...] = ()
        if self._take(";"):
            columns = self._list(aggregates=True)
        self.end()
        return keys, columns

    def _list(self, aggregates: bool) -> tuple[Projection, ...]:
        found = [self._projection(aggregates)]
        while self._take(","):
            found.append(self._projection(aggregates))
        return tuple(found)

    def _projection(self, aggregates: bool) -> Projection:
        alias = self._alias()
        if self._peek()[0] != _TEXT or self._peek(1)[0] != "(":
            return Projection(self._name(), alias)
        token = self._next()
        function = token[1].lower()
        if function not in ("bin", *SUMMARIES) and not (aggregates and function in AGGREGATES):
            raise _unexpected(token)
        self._expect("(")
        name = self._name()
        arguments = []
        if function == "bin":
            for _ in range(3):
                self._expect(";")
                arguments.append(self._next()[1] if self._peek()[0] == _TEXT else "")
        self._expect(")")
        return Projection(name, alias, function, tuple(arguments))

    # modifiers

    def sort(self) -> tuple[SortKey, ...]:
        """What stands in the brackets of `@sort`."""
        keys = []
        while True:
            name = self._expect(_TEXT)
            descending = self._take("::")
            if descending:
                token = self._next()
                if token[0] != _TEXT or token[1].lower() != "desc":
                    raise _unexpected(token)
                self._expect("::")
            keys.append(SortKey(name, descending))
            if not self._take(","):
                break
        self.end()
        return tuple(keys)

    def page(self) -> tuple[str | None, ...]:
        """What stands in the brackets of `@before` and `@after`."""
        values: list[str | None] = []
        while True:
            if self._take("::"):
                token = self._next()
                if token[0] != _TEXT or token[1].lower() != "null":
                    raise _unexpected(token)
                self._expect("::")
                values.append(None)
            else:
                values.append(self._next()[1] if self._peek()[0] == _TEXT else "")
            if not self._take(","):
                break
        self.end()
        return tuple(values)


_Page = tuple[str | None, ...] | None


def _modifiers(tokens: list[Token]) -> tuple[tuple[SortKey, ...], _Page, _Page]:
    sort: tuple[SortKey, ...] = ()
    pages: dict[str, _Page] = {}
    at = 0
    while at < len(tokens):
        word = tokens[at + 1] if at + 1 < len(tokens) else _END
        start = at + 2
        stop = next((i for i in range(start, len(tokens)) if tokens[i][0] == ")"), None)
        if tokens[at][0] != "@" or word[0] != _TEXT:
            raise _unexpected(tokens[at] if tokens[at][0] != "@" else word)
        if stop is None or tokens[start][0] != "(":
            raise _unexpected(_END if stop is None else tokens[start])
        inside = _Slice(tokens[start + 1 : stop])
        name = word[1].lower()
        if name == "sort" and not sort:
            sort = inside.sort()
        elif name in ("before", "after") and sort and name not in pages:
            pages[name] = inside.page()
            if len(pages[name] or ()) != len(sort):
                raise malformed(f"The page key of @{name} must have as many values as @sort has columns.")
        else:
            raise _unexpected(word)
        at = stop + 1
    return sort, pages.get("before"), pages.get("after")


def _options(query: str) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for part in re.split("[&;]", query):
        if not part:
            continue
        name, _, value = part.partition("=")
        try:
            key = unquote(name, errors="strict")
            values = [unquote(item, errors="strict") for item in value.split(",")] if value else []
        except UnicodeDecodeError:
            raise malformed(f"The query parameter {part} is not UTF-8 when decoded") from None
        options.setdefault(key, []).extend(values)
    return options


def _limit(options: dict[str, list[str]]) -> int | None:
    values = options.get("limit")
    if values is None:
        return None
    text = values[0] if len(values) == 1 else ""
    if text.lower() == "none":
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise malformed('The "limit" query-parameter requires an integer or the string "none".')
    return int(text)
