"""A proof: that a fact is in a snapshot or is not, that a snapshot is in a log, that one head extends another."""

import json

from formats import Wrong, b32, before, bit_of, branch_hash, commit_leaf, commit_node, commit_root, envelope, events, genesis
from formats import leaf_hash, plain, root_of, set_root, snapshot_of, un32, world_of


def climb(place, last, hashes):
    """The way up from a place below `last`: each hash beside it, and whether it stands on the left."""
    for other in hashes:
        if last == 0:
            raise Wrong("there are too many hashes")
        left = place & 1 or place == last
        yield left, other
        while left and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("there are too few hashes")


def root_by_path(leaf, seq, size, path):
    if seq >= size:
        raise Wrong("the commit is not under the head")
    root = leaf
    for left, other in climb(seq, size - 1, path):
        root = commit_node(other, root) if left else commit_node(root, other)
    return root


def roots_by_extension(old, old_root, new, hashes):
    """The roots over `old` and over `new` commits. A complete tree of the old ones is not sent along: its root is known."""
    complete = old & (old - 1) == 0
    first = second = old_root if complete else hashes[0]
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    for left, other in climb(place, last, hashes if complete else hashes[1:]):
        if left:
            first, second = commit_node(other, first), commit_node(other, second)
        else:
            second = commit_node(second, other)
    return first, second


def parse_head(text):
    name, log_id, partition, size, commit, root = text.split(":")
    if name != "mirano-head-1":
        raise Wrong("not a head")
    return un32(log_id), int(partition), int(size), un32(commit), un32(root)


def check_bound(bound, head):
    """That log, partition, count and hash of a head are those of its root: its first and its last commit say so."""
    log_id, partition, size, last, root = head
    found = []
    for seq, under in ((0, bound["first"]), (size - 1, bound["last"])):
        header = un32(under["header"])
        told, place, prev, _, _, commit = envelope(header)
        up = root_by_path(commit_leaf(commit), seq, size, [un32(text) for text in under["path"]])
        if len(header) != 84 or (told, place) != (partition, seq) or up != root:
            raise Wrong("the head's words are not those of its root")
        found.append((prev, commit))
    if found[0][0] != genesis(log_id, partition) or found[1][1] != last:
        raise Wrong("the head's words are not those of its root")


def check_bounds(bounds, heads):
    """Whether the words of heads are tied to their roots; proofs of older versions have nothing that does."""
    for head in heads:
        if not head[2] and (head[3], head[4]) != (genesis(*head[:2]), commit_root([])):
            raise Wrong("the head's words are not those of its root")
    heads = [head for head in heads if head[2]]
    if bounds and len(bounds) != len(heads):
        raise Wrong("not every head is tied to its root")
    for bound, head in zip(bounds, heads):
        check_bound(bound, head)
    return bool(bounds) or not heads


def check_member(proof, facts_root):
    """Whether the fact is there, by the way from the root to where the search for it ends."""
    key, steps, ends = un32(proof["fact_id"]), proof["steps"], proof["ends"]
    bits = [step["bit"] for step in steps]
    if bits != sorted(set(bits)):
        raise Wrong("the steps do not go down")
    last = bits[-1] if bits else -1
    if ends["at"] == "empty":
        if steps or proof["facts"] or facts_root != set_root([]):
            raise Wrong("the tree is not empty")
        return False
    if ends["at"] == "here":
        below = leaf_hash(key, un32(ends["value"]))
    else:
        if ends["at"] == "leaf":
            prefix = un32(ends["key"])
            below, parted = leaf_hash(prefix, un32(ends["value"])), prefix != key
        else:
            bit, prefix = ends["bit"], un32(ends["prefix"])
            below = branch_hash(bit, prefix, un32(ends["left"]), un32(ends["right"]))
            parted = bit > last and before(prefix, bit) == prefix and before(key, bit) != prefix
        beside = all(bit_of(prefix, bit) == bit_of(key, bit) for bit in range(last + 1))
        if not (parted and beside):
            raise Wrong("the search does not end where the fact would be")
    for step in reversed(steps):
        bit, other = step["bit"], un32(step["other"])
        left, right = (other, below) if bit_of(key, bit) else (below, other)
        below = branch_hash(bit, before(key, bit), left, right)
    if root_of(proof["facts"], below) != facts_root:
        raise Wrong("the way leads to another root")
    return ends["at"] == "here"


def check_proof(path, kept):
    proof = json.load(open(path))
    if (proof["format"], proof["version"]) != ("mirano proof", 1):
        raise Wrong("not a proof of a known format")
    if proof["kind"] == "extension":
        old, new = parse_head(proof["from"]), parse_head(proof["to"])
        if old[:2] != new[:2] or old[2] > new[2]:
            raise Wrong("the heads do not belong together")
        if 0 < old[2] < new[2]:
            hashes = [un32(text) for text in proof["hashes"]]
            if roots_by_extension(old[2], old[4], new[2], hashes) != (old[4], new[4]):
                raise Wrong("the later head does not extend the earlier one")
        elif old[2] == new[2] and old != new:
            raise Wrong("two histories of one length")
        told, heads = dict(kind="extension"), [proof["from"], proof["to"]]
        told["heads_bound"] = check_bounds(proof.get("bounds", []), [old, new])
    else:
        content, world = un32(proof["snapshot"]), {"fact": False, "world_fact": True}[proof["kind"]]
        name, facts_root, facts, *_ = world_of(content) if world else snapshot_of(content)
        if facts != proof["facts"]:
            raise Wrong("another number of facts")
        present, heads = check_member(proof, facts_root), []
        if (present, b32(name), b32(facts_root)) != (proof["present"], proof["snapshot_id"], proof["facts_root"]):
            raise Wrong("what it says in words is not what it proves")
        told = dict(kind=proof["kind"], present=present, snapshot_id=b32(name))
        if proof["log"]:
            record, head = un32(proof["log"]["record"]), parse_head(proof["log"]["head"])
            partition, seq, _, length, body_hash, commit = envelope(record)
            if len(record) != 84 + length or plain(record[84:]) != body_hash or partition != head[1]:
                raise Wrong("the record is not a commit of the head's partition")
            sealed = 12 if world else 10
            if not any(number == sealed and payload == name + content for number, _, payload in events(record[84:])):
                raise Wrong("the commit does not seal this snapshot")
            path_up = [un32(text) for text in proof["log"]["path"]]
            if root_by_path(commit_leaf(commit), seq, head[2], path_up) != head[4]:
                raise Wrong("the path leads to another root than the head's")
            heads, told["position"] = [proof["log"]["head"]], f"{partition}:{seq}"
            bound = proof["log"].get("bound")
            told["heads_bound"] = check_bounds([bound] if bound else [], [head])
    if kept and not set(kept) & set(heads):
        raise Wrong("the proof is about other heads")
    print(json.dumps({"ok": True, **told, "heads": heads}))
