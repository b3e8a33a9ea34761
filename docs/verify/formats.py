"""What docs/FORMATS.md says, and nothing else: hashes, the fact tree, the canonical form of a fact, commits.

Written to be read: each thing is done the plainest way, with the packages of others for BLAKE3 alone.
"""

import base64
import struct
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


def genesis(log_id, partition):
    return derive("mirano 2026 genesis v1", log_id + struct.pack("<I", partition))


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
