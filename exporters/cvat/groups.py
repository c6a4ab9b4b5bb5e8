"""What CVAT tells by groups and skeletons: regions that relate, key points of one object."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.records import Points, Region, Relation, Skeleton

Grouped = tuple[tuple[Region, ...], int, int]


def group_numbers(regions: Sequence[Region], relations: Sequence[Relation], first: int) -> Grouped:
    """Return (regions with related ones in one group, relations told so, relations with a missing end)."""
    home = {region.id: region.id for region in regions if region.id is not None}

    def root(key: str) -> str:
        while home[key] != key:
            # Each step halves the way: a chain of any length takes time in proportion.
            home[key] = home[home[key]]
            key = home[key]
        return key

    kept = [link for link in relations if link.from_id in home and link.to_id in home]
    for link in kept:
        # CVAT has groups only: whoever is linked, through others too, becomes one of them (union-find).
        home[root(link.from_id)] = root(link.to_id)
    related = {link.from_id for link in kept} | {link.to_id for link in kept}
    numbers: dict[str, int] = {}
    done = []
    for region in regions:
        if region.id is not None and region.id in related and not region.group:
            number = numbers.setdefault(root(region.id), first + len(numbers))
            region = region._replace(group=number)
        done.append(region)
    return tuple(done), len(kept), len(relations) - len(kept)


def skeletons(regions: Sequence[Region]) -> list[Region]:
    """Return the regions with the labeled key points of one parent put together as its skeleton.

    A skeleton's elements have distinct labels; where two key points share one they stay as they are.
    """
    parts: dict[str, list[Region]] = {}
    for region in regions:
        if region.parent and type(region.shape) is Points and len(region.labels) == 1:
            parts.setdefault(region.parent, []).append(region)
    chosen = {parent: group for parent, group in parts.items() if _is_skeleton(group)}
    # By identity: two regions of an annotation can be equal, and ids of regions can be missing.
    taken = {id(region) for group in chosen.values() for region in group}
    firsts = {id(group[0]): parent for parent, group in chosen.items()}
    names: dict[str | None, tuple[str, ...]] = {}
    for region in regions:
        names.setdefault(region.id, region.labels)
    done = []
    for region in regions:
        if id(region) not in taken:
            done.append(region)
        elif id(region) in firsts:
            parent = firsts[id(region)]
            done.append(_skeleton(parent, chosen[parent], names.get(parent, ())))
    return done


def _is_skeleton(group: list[Region]) -> bool:
    labels = [region.labels for region in group]
    is_plain = not any(region.captions or region.attributes or region.group for region in group)
    return len(group) > 1 and len(set(labels)) == len(labels) and is_plain


def _skeleton(parent: str, group: list[Region], labels: tuple[str, ...]) -> Region:
    label = f"{labels[0]} skeleton" if labels else "skeleton"
    scores = [region.score for region in group if region.score is not None]
    # The least sure point: a skeleton has one score, and the mean would hide the bad one.
    return Region(Skeleton(tuple(group)), (label,), parent, min(scores) if scores else None)
