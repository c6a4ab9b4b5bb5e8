"""Where inputs come from: the kept corpus, changes to it, and schemas."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
Json = dict[str, Any]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63, 10**400, 1e308, -0.0, 5e-324])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.sampled_from(["", "2", "2.5", "../../x", "\ud800", "\x00", "<![ x", "[/boom]", "\x1b[31m", "1e400"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def tries(quick: int) -> settings:
    """Return how many inputs are tried: few, or as many as CLEAN_AL_FUZZ says."""
    return settings(
        max_examples=int(os.environ.get("CLEAN_AL_FUZZ", quick)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def kept(kind: str) -> list[bytes]:
    """Return the inputs of one kind that are kept."""
    found = [path.read_bytes() for path in sorted((CORPUS / kind).iterdir())]
    assert found, kind
    return found


@st.composite
def changed(draw: st.DrawFn, sources: list[bytes]) -> bytes:
    """A kept input with up to four stretches exchanged, doubled, moved or cut."""
    data = draw(st.sampled_from(sources))
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(begin + draw(st.sampled_from([0, 1, 1, 2, 8, 60])), len(data))
        other = draw(st.sampled_from(sources))
        at = draw(st.integers(0, len(other)))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"", b"<", b'"', b"&", b"]]>", b"\x00", b"\xff", b"0" * 40, b"{", b"-1"])
            | st.just(data[begin:end] * 3)
            | st.just(other[at : at + 40])
        )
        data = data[:begin] + piece + data[end:]
    return data


def by_schema(schema: Json, components: Json) -> st.SearchStrategy[Any]:
    """Return what a schema of our OpenAPI description allows."""
    if "$ref" in schema:
        return by_schema(components[schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return st.one_of(*(by_schema(one, components) for one in schema["anyOf"]))
    if "const" in schema:
        return st.just(schema["const"])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return st.one_of(*(by_schema(schema | {"type": kind}, components) for kind in kinds))
    return _KINDS[str(kinds)](schema, components)


def _text(schema: Json, _: Json) -> st.SearchStrategy[str]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"))
    most = min(schema.get("maxLength", 30), 30)
    return st.text(st.characters(exclude_categories=()), min_size=schema.get("minLength", 0), max_size=most)


def _object(schema: Json, components: Json) -> st.SearchStrategy[Json]:
    properties = schema.get("properties", {})
    needed = {name: by_schema(properties[name], components) for name in schema.get("required", [])}
    others = {name: by_schema(one, components) for name, one in properties.items() if name not in needed}
    more = st.dictionaries(
        st.text(max_size=5).filter(lambda name: name not in properties), ANYTHING, max_size=2
    )
    return st.builds(
        lambda known, unknown: unknown | known, st.fixed_dictionaries(needed, optional=others), more
    )


_KINDS = {
    "null": lambda schema, components: st.none(),
    "boolean": lambda schema, components: st.booleans(),
    "integer": lambda schema, components: st.integers(schema.get("minimum"), schema.get("maximum")),
    "string": _text,
    "object": _object,
    "array": lambda schema, components: st.lists(
        by_schema(schema["items"], components) if "items" in schema else ANYTHING, max_size=3
    ),
}
