"""No two replicas have the same name, whatever their tenants are called."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgemesh_containers.names import Group

FLEETS = st.from_regex(r"[a-c][a-c0-9]{0,2}", fullmatch=True)
TENANTS = st.from_regex(r"([a-c1]([a-c1-]{0,4}[a-c1])?)?", fullmatch=True)
REPLICAS = st.tuples(
    st.builds(Group, FLEETS, st.sampled_from(["a", "b", "a1"]), TENANTS), st.integers(1, 12)
)


@given(REPLICAS, REPLICAS)
def test_names_are_nobody_elses(one: tuple[Group, int], other: tuple[Group, int]) -> None:
    if one == other:
        return
    (group, number), (second, another) = one, other
    assert names(group, number).isdisjoint(names(second, another))
    if group.fleet == second.fleet:
        assert group.alias(number) != second.alias(another)


@given(REPLICAS)
def test_a_replica_has_a_name_for_each_of_its_containers(one: tuple[Group, int]) -> None:
    group, number = one
    assert len(names(group, number)) == 3
    assert Group.read(group.labels()) == group


def test_alias_is_a_label_of_dns() -> None:
    longest = Group("f" * 31, "e" * 31, "t" * 27)
    assert len(longest.alias(64)) <= 63


def names(group: Group, number: int) -> set[str]:
    return {group.container(number), group.following(number), group.former(number)}
