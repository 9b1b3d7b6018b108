"""What comes faster than a page is told."""

from __future__ import annotations

from edgemesh_dashboard.feed import Feed


def test_a_feed_shows_its_newest_and_says_what_it_leaves_out() -> None:
    feed = Feed()
    assert not feed.changed
    for n in range(10):
        feed.add(f"{n}\n")
    assert feed.changed
    assert feed.show(4) == "[16 characters before this are not shown]\n8\n9\n"
    assert not feed.changed
    assert feed.show() == "".join(f"{n}\n" for n in range(10))


def test_a_feed_holds_no_more_than_it_may() -> None:
    feed = Feed(most=100)
    for _ in range(100_000):
        feed.add("0123456789")
    feed.add("x" * 1000)
    assert feed.events == 100_001
    assert feed.characters == 1_001_000
    assert feed.show(10_000).count("x") == 100
    assert len(feed.show(10_000)) < 200
