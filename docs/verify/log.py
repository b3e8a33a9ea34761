"""An exported log: every byte, the chain, and all that the commits say, recomputed."""

import json
import struct

from formats import Reader, Wrong, b32, commit_leaf, commit_root, derive, envelope, events, genesis, plain, set_root
from formats import snapshot_of, tree_root, un32, world_of


class Audit:
    """What the commits say, recomputed."""

    def __init__(self):
        self.queries, self.chunks, self.receipts, self.sets = {}, {}, {}, {set_root([]): frozenset()}
        self.seals, self.worlds, self.answers = [], [], []
        self.facts = self.sealed = self.observations = 0
        self.part = None

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
            elif number == 37:
                reader.text()
                self.part = reader.take(16), payload[-32:-16], payload[-16:]
            elif number == 43:
                self.close(open_observation)
                open_observation = self.recorded(at, reader)
                open_observation["part"], self.part = self.part, None
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
        if self.part:
            raise Wrong("a part of another answer was announced, and no answer followed")

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
        if told["part"]:
            query, larger, whole = told["part"]
            other, facts = self.queries.get(larger, (None, frozenset()))
            if (query, whole) != (told["query"], other) or larger == query or not now <= facts:
                raise Wrong("an answer is told to be a part of another, and is not")
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


def head_text(log_id, partition, hashes):
    last = hashes[-1] if hashes else genesis(log_id, partition)
    root = commit_root([commit_leaf(commit) for commit in hashes])
    return f"mirano-head-1:{b32(log_id)}:{partition}:{len(hashes)}:{b32(last)}:{b32(root)}"


def check_log(path, kept):
    log_id, records, ends = read_log(path)
    audit, heads = Audit(), []
    for partition, list_of_records in enumerate(records):
        prev, hashes = genesis(log_id, partition), []
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
            if size > len(hashes) or head_text(log_id, partition, hashes[:size]) != head:
                raise Wrong(f"the log does not have the head {head}")
        heads.append(head_text(log_id, partition, hashes))
    for head in kept:
        if un32(head.split(":")[1]) != log_id or int(head.split(":")[2]) >= len(records):
            raise Wrong(f"the log does not have the head {head}")
    audit.finish()
    counts = dict(commits=sum(map(len, records)), facts=audit.facts, sealed=audit.sealed)
    counts.update(observations=audit.observations, snapshots=len(audit.seals))
    print(json.dumps({"ok": True, **counts, "snapshot_ids": [b32(seal[1]) for seal in audit.seals], "heads": heads}))
