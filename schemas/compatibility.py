"""Whether a schema may replace those that are published: only optional additions may.

In: two JSON Schemas as msgspec writes them, or two Avro schemas, which are put into the words of JSON Schema so that
one rule judges both. Out: what would break, by place. Both ways count: what old writers wrote must be read by new
readers, and what new writers write by old readers, which ignore fields that they do not know. Whoever keeps the rule
against every version keeps it between any two: FULL_TRANSITIVE, as registries call it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.avro import AvroSchema

JsonSchema = Mapping[str, Any]

_WORDS: Final = frozenset({"$defs", "$schema", "$id", "title", "description", "examples"})
"""Said for people, or where the rest is found: a change of these breaks nothing."""
_STRUCTURE: Final = frozenset({"$ref", "properties", "required", "anyOf", "items", "prefixItems"})
"""Looked into; every other keyword, such as an enum or a bound, stays as it is."""


def breaks(old: JsonSchema, new: JsonSchema) -> list[str]:
    """What would break, each as `place: problem`; empty if `new` only adds what is optional."""
    return list(_Comparison(old, new).at(old, new, "$"))


def avro_breaks(old: AvroSchema, new: AvroSchema) -> list[str]:
    """As `breaks`, of two Avro schemas."""
    return breaks(_as_json_schema(old), _as_json_schema(new))


def _as_json_schema(schema: AvroSchema) -> JsonSchema:
    """A field with a default is what JSON Schema has as one that is not required; names matter to Avro's readers."""
    definitions: dict[str, JsonSchema] = {}
    root = _in_json_terms(schema, definitions)
    definitions[schema["name"]] = {**definitions[schema["name"]], "namespace": schema["namespace"]}
    return {**root, "$defs": definitions}


def _in_json_terms(schema: Any, definitions: dict[str, JsonSchema]) -> JsonSchema:
    match schema:
        case str():
            return {"$ref": f"#/$defs/{schema}"} if schema in definitions else {"type": schema}
        case list():
            return {"anyOf": [_in_json_terms(branch, definitions) for branch in schema]}
        case {"type": "record", "name": name, "fields": fields}:
            definitions[name] = {}  # known before its fields are, which may name it
            definitions[name] = {
                "name": name,
                "properties": {each["name"]: _field_in_json_terms(each, definitions) for each in fields},
                "required": [each["name"] for each in fields if "default" not in each],
            }
            return {"$ref": f"#/$defs/{name}"}
        case {"type": "array", "items": items}:
            return {"type": "array", "items": _in_json_terms(items, definitions)}
    return {keyword: value for keyword, value in schema.items() if keyword != "doc"}


def _field_in_json_terms(field: Mapping[str, Any], definitions: dict[str, JsonSchema]) -> JsonSchema:
    default = {"default": field["default"]} if "default" in field else {}
    return {"anyOf": [_in_json_terms(field["type"], definitions)], **default}


class _Comparison:
    """Two documents, with the pairs of definitions that were compared: definitions may hold themselves."""

    def __init__(self, old: JsonSchema, new: JsonSchema) -> None:
        self._roots = old, new
        self._seen: set[tuple[str, str]] = set()

    def at(self, old: JsonSchema, new: JsonSchema, place: str) -> Iterator[str]:
        """Problems of two schemas that stand at the same place."""
        if "$ref" in old and "$ref" in new:
            pair = old["$ref"], new["$ref"]
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, new = self._resolved(old, 0), self._resolved(new, 1)
        for keyword in sorted((old.keys() | new.keys()) - _WORDS - _STRUCTURE):
            if _plain(old.get(keyword)) != _plain(new.get(keyword)):
                yield f"{place}: {keyword} changed"
        yield from self._properties(old, new, place)
        yield from self._items(old, new, place)
        yield from self._alternatives(old, new, place)

    def _resolved(self, schema: JsonSchema, document: int) -> JsonSchema:
        if "$ref" not in schema:
            return schema
        name = schema["$ref"].removeprefix("#/$defs/")
        found: JsonSchema = self._roots[document]["$defs"][name]
        return found

    def _properties(self, old: JsonSchema, new: JsonSchema, place: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        yield from (f"{place}.{name}: removed" for name in before.keys() - after.keys())
        for name in sorted(set(old.get("required", ())) ^ set(new.get("required", ()))):
            yield f"{place}.{name}: {'became required' if name in new.get('required', ()) else 'is no longer required'}"
        for name in sorted(before.keys() & after.keys()):
            yield from self.at(before[name], after[name], f"{place}.{name}")

    def _items(self, old: JsonSchema, new: JsonSchema, place: str) -> Iterator[str]:
        before, after = _item_schemas(old), _item_schemas(new)
        if len(before) != len(after):
            yield f"{place}[]: changed"
        for one, other in zip(before, after, strict=False):
            yield from self.at(one, other, f"{place}[]")

    def _alternatives(self, old: JsonSchema, new: JsonSchema, place: str) -> Iterator[str]:
        before, after = old.get("anyOf", []), new.get("anyOf", [])
        if len(before) != len(after):
            yield f"{place}: {len(before)} alternatives became {len(after)}"
        for one, other in zip(before, after, strict=False):
            yield from self.at(one, other, place)


def _item_schemas(schema: JsonSchema) -> list[JsonSchema]:
    items = schema.get("items")
    return [*schema.get("prefixItems", []), *([items] if isinstance(items, Mapping) else [])]


def _plain(value: Any) -> Any:
    """Without an order where JSON Schema has none; of a default record, without fields that say nothing."""
    if isinstance(value, Mapping):
        return {name: each for name, each in value.items() if each is not None}
    return sorted(map(repr, value)) if isinstance(value, list) else value
