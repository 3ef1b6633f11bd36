"""What a bag lacks, as a tree, and ticks in it: against the plain way of doing both."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bag_maker import make_bag
from satchel.core.bags.digests import StoppedError
from satchel.core.bags.reading import open_bag
from satchel.core.fetching.missing import TOP, Missing, Node, find_missing
from satchel.core.fetching.picked import Picked
from satchel.core.flows.ticks import Ticks

NAMES = st.sampled_from(["a", "b", "a-", "a!", "é", "B"])
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.integers(0, 99), min_size=1)
NEVER = threading.Event()


def built(folder: Path, files: dict[str, int]) -> tuple[Missing, dict[str, int]]:
    """The tree of files that are all elsewhere; of names that are both file and folder the file goes."""
    files = {p: n for p, n in files.items() if not any(other.startswith(f"{p}/") for other in files)}
    remote = {f"data/{p}": (f"https://{'one' if n % 2 else 'two'}.example/{n}", b"x" * n) for p, n in files.items()}
    bag = make_bag(folder / "bag", {"data/here": b"here"}, remote)
    find_missing(open_bag(bag), folder / "tree.sqlite", NEVER)
    return Missing(folder / "tree.sqlite"), {f"data/{p}": n for p, n in files.items()}


def nodes(tree: Missing, parent: int = TOP) -> list[Node]:
    found: list[Node] = []
    for node in tree.children(parent):
        found.append(node)
        if node.is_folder:
            found += nodes(tree, node.id)
    return found


@settings(max_examples=40, deadline=None)
@given(TREES, st.data())
def test_ticks_are_what_a_request_fetches(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, int], data: st.DataObject
) -> None:
    missing, files = built(tmp_path_factory.mktemp("bag"), tree)
    with missing:
        assert missing.all() == (len(files), sum(files.values()), 0)
        every = nodes(missing)
        assert {node.path: node.size for node in every if not node.is_folder} == files
        for node in every:
            within = [n for path, n in files.items() if path == node.path or path.startswith(f"{node.path}/")]
            assert (node.files, node.size) == (len(within), sum(within))
        ticks = Ticks(len(files), sum(files.values()))
        on = dict.fromkeys(files, True)
        by_path = {node.path: node for node in every}
        for _ in range(data.draw(st.integers(0, 8))):
            node, word = data.draw(st.sampled_from(every)), data.draw(st.booleans())
            above = [by_path[p] for p in by_path if node.path.startswith(f"{p}/")]
            ticks.set(node, word, sorted(above, key=lambda n: -len(n.path)))
            for path in files:
                if path == node.path or path.startswith(f"{node.path}/"):
                    on[path] = word
        assert (ticks.files, ticks.size) == (sum(on.values()), sum(n for p, n in files.items() if on[p]))
        for node in every:
            within_on = {on[p] for p in files if p == node.path or p.startswith(f"{node.path}/")}
            assert ticks.state(node) is (within_on.pop() if len(within_on) == 1 else None)
        picked = Picked(ticks.pick, ticks.skip)
        if any(on.values()):
            assert {path: picked(path) for path in files} == on
        assert missing.sum((), None, picked, NEVER)[:2] == (ticks.files, ticks.size)


def test_patterns_and_a_limit_are_counted_as_the_fetching_has_them(tmp_path: Path) -> None:
    missing, _ = built(tmp_path, {"img/a.png": 5, "img/deep/b.png": 50, "doc/c.txt": 7})
    with missing:
        assert missing.sum(("img/*",), None, Picked(), NEVER) == (2, 55, 0)
        assert missing.sum(("img/*", "data/doc/*"), 10, Picked(), NEVER) == (2, 12, 0)
        assert missing.sum(("*",), None, Picked((), ("data/img/deep",)), NEVER) == (2, 12, 0)
        assert missing.hosts() == [("one.example", 2), ("two.example", 1)]
        assert missing.number(TOP) == 1
        (data,) = missing.children()
        assert [node.name for node in missing.children(data.id)] == ["doc", "img"]
        assert [node.name for node in missing.children(data.id, 1, 1)] == ["img"]
        stopped = threading.Event()
        stopped.set()
        with pytest.raises(StoppedError):
            missing.sum((), None, Picked(), stopped)


def test_unknown_lengths_and_what_is_here_or_malformed(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", {"data/x": b"1"}, {"data/y": ("https://a.example/y", b"22")})
    (bag / "fetch.txt").write_text(
        "https://a.example/x 1 data/x\nhttps://a.example/y - data/y\nnonsense\nhttps://a.example/z 3 ../z\n"
        "/hatrac/q 4 data/q\n"
    )
    find_missing(open_bag(bag), tmp_path / "tree.sqlite", NEVER, home="catalog.example")
    with Missing(tmp_path / "tree.sqlite") as missing:
        assert missing.all() == (2, 4, 1)
        assert missing.hosts() == [("a.example", 1), ("catalog.example", 1)]
