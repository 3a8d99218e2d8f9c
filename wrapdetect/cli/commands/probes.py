"""wrapdetect probes: the known question packs, one item or pack in full, and the check of a pack of one's own."""

from collections import Counter

from wrapdetect.errors import PackError
from wrapdetect.model import Item, Pack
from wrapdetect.store.shipped import known_packs, load_pack


def list_packs() -> None:
    """One line a pack."""
    for name in known_packs():
        pack = load_pack(name)
        languages = Counter(i.language for i in pack.items)
        print(f"{pack.id:10} v{pack.version}  {len(pack.items):3} items  {_counts(languages)}  {pack.title}")


def show_probe(wanted: str) -> None:
    """A pack, or one item, in full. Raises PackError for an id that no known pack holds."""
    packs = [load_pack(name) for name in known_packs()]
    for pack in packs:
        if pack.id == wanted:
            print(f"{pack.id} v{pack.version}: {pack.title}\n{pack.purpose}\ndigest {pack.digest}\n")
            for item in pack.items:
                print(f"{item.id:28} {item.language:3} {len(item.turns)} turn(s)  {item.purpose}")
            return
        for item in pack.items:
            if wanted in (item.id, f"{pack.id}/{item.id}"):
                _show_item(pack, item)
                return
    raise PackError(
        f"no pack or item {wanted!r}; `wrapdetect probes list` names the packs, `probes show PACK` their items"
    )


def check(path: str) -> None:
    """Read a pack and say what is in it. Raises PackError with file and line."""
    pack = load_pack(path)
    turns = sum(len(i.turns) for i in pack.items)
    readers = Counter(r for i in pack.items for r in i.readers)
    print(
        f"{path}: fits. {pack.id} v{pack.version}: {len(pack.items)} items, {turns} turns; read for {_counts(readers)}"
    )


def _show_item(pack: Pack, item: Item) -> None:
    print(f"{pack.id}/{item.id}  ({item.language}, temperature {item.temperature:g}, at most {item.max_tokens} tokens)")
    print(f"purpose: {item.purpose}\nreaders: {', '.join(item.readers)}")
    for name, values in (("expects", item.expects), ("rejects", item.rejects)):
        if values:
            print(f"{name}: {', '.join(values)}")
    for number, turn in enumerate(item.turns, start=1):
        print(f"turn {number}: {turn}")


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counter.most_common())
