#!/usr/bin/env python3
"""Checks an exported Mirano log, or a proof, from docs/FORMATS.md alone.

Written to be read: it shares no code with Mirano, and does each thing the plainest way. What it recomputes: the file's checks, the
chain of every partition, the id of every fact that is not sealed, every observation's facts and root, every snapshot's id,
receipts root and facts root, the heads, and proofs. Exit codes: 0 all holds, 1 something does not, 2 used wrongly.
"""

import base64
import json
import struct
import sys
import unicodedata

import blake3 as blake3_package

EMPTY, ZERO = b"", bytes(32)


class Wrong(Exception):
    """Something does not hold."""


def plain(data):
    return blake3_package.blake3(data).digest()


def derive(context, data):
    return blake3_package.blake3(data, derive_key_context=context).digest()


def b32(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def un32(text):
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


# Fact tree and roots.


def bit_of(key, bit):
    return key[bit // 8] >> (7 - bit % 8) & 1


def before(key, bit):
    """The bits of key before bit; it and all after it zero."""
    number = int.from_bytes(key, "big") >> (256 - bit) << (256 - bit) if bit else 0
    return number.to_bytes(32, "big")


def leaf_hash(key, value):
    return derive("mirano 2026 tree leaf v1", key + value)


def branch_hash(bit, prefix, left, right):
    return derive("mirano 2026 tree branch v1", bytes([bit]) + prefix + left + right)


def subtree(leaves):
    """The node over leaves (key, value), sorted by distinct keys."""
    first, last = leaves[0][0], leaves[-1][0]
    if first == last:
        return leaf_hash(*leaves[0])
    bit = next(bit for bit in range(256) if bit_of(first, bit) != bit_of(last, bit))
    left = [leaf for leaf in leaves if not bit_of(leaf[0], bit)]
    right = [leaf for leaf in leaves if bit_of(leaf[0], bit)]
    return branch_hash(bit, before(first, bit), subtree(left), subtree(right))


def root_of(count, top):
    return derive("mirano 2026 tree root v1", struct.pack("<Q", count) + top)


def tree_root(leaves):
    leaves = sorted(leaves)
    if not leaves:
        return derive("mirano 2026 tree empty v1", EMPTY)
    return root_of(len(leaves), subtree(leaves))


def set_root(ids):
    return tree_root([(key, ZERO) for key in ids])


# The commit tree (RFC 9162).


def commit_leaf(commit):
    return derive("mirano 2026 commit tree leaf v1", commit)


def commit_node(left, right):
    return derive("mirano 2026 commit tree node v1", left + right)


def commit_root(leaves):
    if not leaves:
        return derive("mirano 2026 commit tree empty v1", EMPTY)
    # The same tree, from the leaves up: pairs are joined, an odd last one goes up alone.
    while len(leaves) > 1:
        pairs = [commit_node(leaves[at], leaves[at + 1]) for at in range(0, len(leaves) - 1, 2)]
        leaves = pairs + (leaves[-1:] if len(leaves) % 2 else [])
    return leaves[0]


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


# bincode 2, as bodies of commits hold it.


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Wrong("bytes end too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def unsigned(self):
        first = self.take(1)[0]
        if first <= 250:
            return first
        return int.from_bytes(self.take({251: 2, 252: 4, 253: 8}[first]), "little")

    def signed(self):
        number = self.unsigned()
        return number >> 1 if number & 1 == 0 else -(number >> 1) - 1

    def blob(self):
        return self.take(self.unsigned())

    def text(self):
        return self.blob().decode()

    def many(self, one):
        return [one() for _ in range(self.unsigned())]

    def maybe(self, one):
        return one() if self.take(1)[0] else None

    def position(self):
        return self.unsigned(), self.unsigned()

    def value(self):
        kind = self.unsigned()
        if kind in (0, 2, 3):
            return kind, self.text()
        if kind == 1:
            return kind, self.signed()
        if kind == 4:
            return kind, self.take(1)[0]
        return kind, self.many(self.value)

    def attrs(self):
        return [(self.text(), self.value()) for _ in range(self.unsigned())]

    def logged_fact(self):
        """Id, and the id that the content gives; None where it is sealed."""
        fact_id = self.take(32)
        if self.unsigned() == 1:
            self.text(), self.blob()
            return fact_id, None
        out = b"\x01" + string(self.text()) + string(self.text()) + string(self.text())
        out += bytes([self.unsigned()])
        out += canonical_map(self.attrs()) + canonical_map(self.attrs())
        self.maybe(self.text), self.maybe(self.text), self.unsigned()
        return fact_id, derive("mirano 2026 fact v1", out)


# The canonical form of facts.


def string(text):
    data = unicodedata.normalize("NFC", text).encode()
    return struct.pack("<I", len(data)) + data


def canonical_map(entries):
    entries = sorted(((string(name)[4:], value) for name, value in entries), key=lambda entry: entry[0])
    out = struct.pack("<I", len(entries))
    return out + b"".join(struct.pack("<I", len(name)) + name + canonical_value(value) for name, value in entries)


def canonical_value(value):
    kind, held = value
    if kind in (0, 2, 3):
        return bytes([kind + 1]) + string(held)
    if kind == 1:
        return b"\x02" + struct.pack("<q", held)
    if kind == 4:
        return bytes([5, held])
    return b"\x06" + struct.pack("<I", len(held)) + b"".join(map(canonical_value, held))


# Envelopes and bodies.


def envelope(record):
    magic, partition, seq, prev, length, body_hash = struct.unpack("<4sIQ32sI32s", record[:84])
    if magic != b"MRN1":
        raise Wrong("not a commit")
    return partition, seq, prev, length, body_hash, derive("mirano 2026 commit v1", record[:84])


def events(body):
    """Number, version and payload of each event."""
    reader = Reader(body)
    if struct.unpack("<H", reader.take(2))[0] != 1:
        raise Wrong("a body of another format")
    reader.take(6)
    reader.take(struct.unpack("<I", reader.take(4))[0])
    while reader.at < len(body):
        number, version = struct.unpack("<HH", reader.take(4))
        yield number, version, reader.take(struct.unpack("<I", reader.take(4))[0])


def snapshot_id(content):
    return derive("mirano 2026 snapshot v1", struct.pack("<Q", len(content)) + content)


def world_of(content):
    """Of a snapshot of the whole base: id, facts root, number of facts, number of queries, cut."""
    reader = Reader(content)
    cut = reader.many(reader.position)
    return snapshot_id(content), reader.take(32), reader.unsigned(), reader.unsigned(), cut


def snapshot_of(content):
    """Id, facts root, number of facts, receipts root, receipts, observation roots, cut."""
    reader = Reader(content)
    reader.take(16), reader.text(), reader.text()
    facts_root, facts, receipts_root = reader.take(32), reader.unsigned(), reader.take(32)
    receipts = reader.many(lambda: reader.take(16))
    roots = reader.many(lambda: reader.take(32))
    cut = reader.many(reader.position)
    return snapshot_id(content), facts_root, facts, receipts_root, receipts, roots, cut


class Audit:
    """What the commits say, recomputed."""

    def __init__(self):
        self.queries, self.chunks, self.receipts, self.sets = {}, {}, {}, {set_root([]): frozenset()}
        self.seals, self.worlds, self.answers = [], [], []
        self.facts = self.sealed = self.observations = 0

    def fact(self, reader):
        fact_id, found = reader.logged_fact()
        if found is None:
            self.sealed += 1
        elif found != fact_id:
            raise Wrong(f"the fact {b32(fact_id)} has the content of {b32(found)}")
        else:
            self.facts += 1
        return fact_id

    def commit(self, at, body):
        open_observation = None
        for number, version, payload in events(body):
            if version != 1:
                raise Wrong(f"event {number} of version {version} is not known to this program")
            reader = Reader(payload)
            if number == 42:
                reader.text(), reader.take(16)
                lease, index = reader.take(16), reader.unsigned()
                added = reader.many(lambda: self.fact(reader))
                self.chunks[lease, index] = added, reader.many(lambda: reader.take(32))
            elif number == 43:
                self.close(open_observation)
                open_observation = self.recorded(at, reader)
            elif number == 40:
                query, fact = reader.take(16), self.fact(reader)
                if not open_observation or open_observation["query"] != query:
                    raise Wrong("a fact that belongs to no observation")
                open_observation["added"].append(fact)
            elif number == 41:
                query = reader.take(16)
                if not open_observation or open_observation["query"] != query:
                    raise Wrong("a fact that belongs to no observation")
                open_observation["gone"].append(reader.take(32))
            elif number in (4, 6):
                self.receipt(reader, payload[16:])
            elif number == 10:
                self.sealed_snapshot(at, payload)
            elif number == 12:
                self.worlds.append((at, payload[:32], *world_of(payload[32:])))
        self.close(open_observation)

    def recorded(self, at, reader):
        observation = reader.take(16)
        reader.text()
        query = reader.take(16)
        reader.text(), reader.take(16)
        lease, chunks, base = reader.take(16), reader.unsigned(), reader.maybe(lambda: reader.take(16))
        reader.unsigned(), reader.take(1)
        root, counts = reader.take(32), (reader.unsigned(), reader.unsigned(), reader.unsigned())
        added, gone = [], []
        for index in range(chunks):
            came, went = self.chunks.pop((lease, index))
            added, gone = added + came, gone + went
        told = dict(observation=observation, query=query, base=base, root=root, counts=counts)
        return dict(told, at=at, added=added, gone=gone)

    def close(self, told):
        if not told:
            return
        last, shown = self.queries.get(told["query"], (None, frozenset()))
        if told["base"] != last:
            raise Wrong("an observation builds on another than the last")
        now = shown - frozenset(told["gone"]) | frozenset(told["added"])
        if told["counts"] != (len(now), len(told["added"]), len(told["gone"])):
            raise Wrong("an observation counts its facts wrongly")
        if now != shown or last is None:
            if set_root(now) != told["root"]:
                raise Wrong("an observation has another root than its facts")
        elif self.sets.get(told["root"]) != now:
            raise Wrong("an unchanged observation has another root")
        self.sets[told["root"]] = now
        self.answers.append((told["at"], told["query"], told["root"]))
        self.queries[told["query"]] = told["observation"], now
        self.observations += 1

    def receipt(self, reader, canonical):
        job, receipt = reader.take(16), reader.take(16)
        reader.take(16), reader.text(), reader.unsigned(), reader.unsigned(), reader.take(1), reader.take(16)
        at, root = reader.position(), reader.take(32)
        self.receipts[receipt] = job, derive("mirano 2026 tree value v1", canonical), root, at

    def sealed_snapshot(self, at, payload):
        name, facts_root, facts, receipts_root, receipts, roots, cut = snapshot_of(payload[32:])
        if name != payload[:32]:
            raise Wrong("a snapshot's id is not that of its content")
        if tree_root([(receipt + bytes(16), self.receipts[receipt][1]) for receipt in receipts]) != receipts_root:
            raise Wrong(f"the snapshot {b32(name)} has another root over its receipts")
        if [self.receipts[receipt][2] for receipt in receipts] != roots:
            raise Wrong(f"the snapshot {b32(name)} names other observations than its receipts")
        partition, seq = at
        want = {partition: seq - 1} if seq else {}
        for receipt in receipts:
            place, number = self.receipts[receipt][3]
            want[place] = max(want.get(place, number), number)
        if sorted(want.items()) != cut:
            raise Wrong(f"the snapshot {b32(name)} names another cut")
        self.seals.append((at, name, facts_root, facts, roots))

    def finish(self):
        """Snapshots rest on observations of any partition: at the end all are known."""
        for at, named, name, facts_root, facts, queries, cut in self.worlds:
            upto = dict(cut)
            shown = {query: root for (place, seq), query, root in self.answers if seq <= upto.get(place, -1)}
            if named != name or len(shown) != queries:
                raise Wrong(f"the snapshot {b32(named)} of the whole base at {at} is not what it says")
            self.seals.append((at, name, facts_root, facts, list(shown.values())))
        for at, name, facts_root, facts, roots in self.seals:
            union = frozenset().union(*(self.sets[root] for root in roots))
            if (set_root(union), len(union)) != (facts_root, facts):
                raise Wrong(f"the snapshot {b32(name)} at {at} has another root over its facts")


# Exported files.


def read_log(path):
    """Log id, and for each partition its records in order, checked up to the hash of the whole file."""
    import zstandard

    data = open(path, "rb").read()
    if data[:6] != b"MRNEXP":
        raise Wrong("not an exported log")
    if data[6:8] != b"01":
        raise Wrong("an exported log of a newer format")
    if plain(data[:32])[:8] != data[32:40]:
        raise Wrong("the header's check does not match")
    if plain(data[:-32]) != data[-32:]:
        raise Wrong("the hash at the end is not that of the file")
    log_id, (partitions,) = data[8:24], struct.unpack("<I", data[24:28])
    records, at = [[] for _ in range(partitions)], 40
    while data[at : at + 4] == b"MRNB":
        partition, first, commits, raw_len, packed_len = struct.unpack("<IQIII", data[at + 4 : at + 28])
        if plain(data[at : at + 44])[:8] != data[at + 44 : at + 52]:
            raise Wrong(f"the check of the block at byte {at} does not match")
        packed = data[at + 52 : at + 52 + packed_len]
        if plain(packed)[:16] != data[at + 28 : at + 44]:
            raise Wrong(f"the block at byte {at} does not match its hash")
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=raw_len)
        if first != len(records[partition]) or len(raw) != raw_len:
            raise Wrong(f"the block at byte {at} is not the next one")
        offset = 0
        while offset < len(raw):
            end = offset + 84 + struct.unpack("<I", raw[offset + 48 : offset + 52])[0]
            records[partition].append(raw[offset:end])
            offset = end
        at += 52 + packed_len
    if data[at : at + 4] != b"MRNE":
        raise Wrong(f"neither a block nor the end at byte {at}")
    ends = [struct.unpack("<Q32s", data[at + 4 + 40 * n : at + 44 + 40 * n]) for n in range(partitions)]
    return log_id, records, ends


def head_text(log_id, partition, hashes, genesis):
    last = hashes[-1] if hashes else genesis
    root = commit_root([commit_leaf(commit) for commit in hashes])
    return f"mirano-head-1:{b32(log_id)}:{partition}:{len(hashes)}:{b32(last)}:{b32(root)}"


def check_log(path, kept):
    log_id, records, ends = read_log(path)
    audit, heads = Audit(), []
    for partition, list_of_records in enumerate(records):
        genesis = derive("mirano 2026 genesis v1", log_id + struct.pack("<I", partition))
        prev, hashes = genesis, []
        for seq, record in enumerate(list_of_records):
            at = (partition, seq)
            its_partition, its_seq, its_prev, length, body_hash, commit = envelope(record)
            if (its_partition, its_seq, its_prev) != (partition, seq, prev):
                raise Wrong(f"commit {partition}:{seq} is not decided upon the one before it")
            if len(record) != 84 + length or plain(record[84:]) != body_hash:
                raise Wrong(f"the body of commit {partition}:{seq} does not match its envelope")
            try:
                audit.commit(at, record[84:])
            except (Wrong, KeyError) as error:
                raise Wrong(f"commit {partition}:{seq}: {error}") from error
            prev = commit
            hashes.append(commit)
        if ends[partition] != (len(hashes), prev):
            raise Wrong(f"the end names another head of partition {partition}")
        for head in (head for head in kept if head.split(":")[2] == str(partition)):
            size = int(head.split(":")[3])
            if size > len(hashes) or head_text(log_id, partition, hashes[:size], genesis) != head:
                raise Wrong(f"the log does not have the head {head}")
        heads.append(head_text(log_id, partition, hashes, genesis))
    for head in kept:
        if un32(head.split(":")[1]) != log_id or int(head.split(":")[2]) >= len(records):
            raise Wrong(f"the log does not have the head {head}")
    audit.finish()
    counts = dict(commits=sum(map(len, records)), facts=audit.facts, sealed=audit.sealed)
    counts.update(observations=audit.observations, snapshots=len(audit.seals))
    print(json.dumps({"ok": True, **counts, "snapshot_ids": [b32(seal[1]) for seal in audit.seals], "heads": heads}))


# Proofs.


def parse_head(text):
    name, log_id, partition, size, commit, root = text.split(":")
    if name != "mirano-head-1":
        raise Wrong("not a head")
    return un32(log_id), int(partition), int(size), un32(commit), un32(root)


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
    if kept and not set(kept) & set(heads):
        raise Wrong("the proof is about other heads")
    print(json.dumps({"ok": True, **told, "heads": heads}))


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("log", "proof"):
        print("usage: verify.py log FILE [HEAD…] | verify.py proof FILE [HEAD…]", file=sys.stderr)
        return 2
    check = check_log if arguments[0] == "log" else check_proof
    kept = [text for text in arguments[2:] if text != "--head"]
    try:
        check(arguments[1], kept)
    except (Wrong, KeyError, ValueError, IndexError, struct.error) as error:
        print(json.dumps({"ok": False, "why": str(error)}))
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
