"""Reads entities with the real followthemoney package: every schema and property is known, every value is taken as it stands,
edges lead from and to entities that are there and may stand there, and what a schema requires is given."""

import json
import sys

from followthemoney import model


def wrong(entities):
    by_id = {}
    for data in entities:
        schema = model.get(data["schema"])
        if schema is None or schema.abstract:
            yield data["id"], f"the schema {data['schema']}"
            continue
        by_id[data["id"]] = (schema, data)
        for name, values in data["properties"].items():
            prop = schema.get(name)
            if prop is None or prop.stub:
                yield data["id"], f"the property {name}"
                continue
            for value in values:
                clean = prop.type.clean(value)
                if clean != value:
                    yield data["id"], f"{name}: {value!r} is read as {clean!r}"
        proxy = model.get_proxy(data, cleaned=False)
        for name in schema.required:
            if not proxy.get(name):
                yield data["id"], f"{name} is required"
        if proxy.to_dict()["properties"].keys() != data["properties"].keys():
            yield data["id"], f"read as {proxy.to_dict()}"
    for schema, data in by_id.values():
        for name, values in data["properties"].items():
            prop = schema.get(name)
            if prop is not None and prop.range is not None:
                for value in values:
                    target = by_id.get(value, (None,))[0]
                    if target is None or not target.is_a(prop.range):
                        yield data["id"], f"{name} leads to {value}, which is {target}"


entities = [json.loads(line) for line in sys.stdin]
found = list(wrong(entities))
for entity, what in found[:20]:
    print(f"{entity}: {what}", file=sys.stderr)
print(json.dumps({"entities": len(entities), "wrong": len(found)}))
sys.exit(1 if found or not entities else 0)
