"""The life of a live topic of trades or quotes: from its first subscription over breaks to what history brings."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.live import LATENESS, Gap
from app.live.clock import QUIET
from app.live.draft import Draft
from app.live.series import AGAIN, HOLD, Repair
from app.live.sums import WINDOW
from tests.unit.live.owner import OPEN, SECOND, TOPIC, FakeWriter, Owner, Row, at, slice_of, subscription


def row(seconds: float, text: str = "") -> Row:
    """A row so many seconds after the open."""
    micros = OPEN + round(seconds * 1000) * 1000
    return micros, (text or f"{seconds:g}").encode()


def opened(seconds: float) -> int:
    return OPEN + round(seconds * SECOND)


@pytest.fixture
def owner() -> Owner:
    return Owner()


def fed(owner: Owner) -> Owner:
    """A series that is whole from eleven seconds after the open, and has a row at twenty."""
    owner.back(opened(10))
    owner.feed(row(20))
    return owner


def broken(owner: Owner, back: float = 30) -> Repair:
    """A series whose link broke after twenty seconds and is back."""
    fed(owner)
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(back))
    (repair,) = owner.repairs
    return repair


def told(owner: Owner) -> tuple[Any, ...]:
    """What is recorded of how far it is: state, since, until, verified, last, rows."""
    assert owner.coverage is not None
    assert owner.coverage.run == 7
    return tuple(getattr(owner.coverage, name) for name in ("state", "since", "until", "verified", "last", "rows"))


# --- the first subscription --------------------------------------------------------------------------------


def test_a_new_subscription_is_whole_from_a_second_after_the_first_event(owner: Owner) -> None:
    assert owner.series.since is None
    assert owner.series.until(owner.clock) is None
    owner.back(opened(10))
    assert owner.series.since == opened(11)
    assert owner.series.verified == opened(11)
    assert owner.gaps == {}
    assert not owner.series.busy


def test_rows_that_come_before_it_is_whole_are_written_and_promise_nothing(owner: Owner) -> None:
    owner.feed(row(1))
    owner.tell()
    assert owner.messages == [b"1"]
    assert told(owner) == ("waiting", None, None, None, opened(1), 1)


def test_the_event_that_settles_it_has_to_be_younger_than_all_before_its_subscription(owner: Owner) -> None:
    def resume() -> int | None:
        owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft), by=0.3)
        since: int | None = owner.series.since
        return since

    owner.advance(opened(10))
    assert resume() is None
    assert resume() is None
    owner.advance(opened(9))
    assert resume() is None
    owner.advance(opened(12))
    assert resume() == opened(13)


def test_some_events_have_their_say_before_it_is_settled(owner: Owner) -> None:
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft), by=0.1)
    owner.advance(opened(8))
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft), by=0.2)
    assert owner.series.since is None
    owner.advance(opened(10))
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft))
    assert owner.series.since == opened(11)


def test_on_a_quiet_feed_the_time_since_the_last_event_counts(owner: Owner) -> None:
    owner.advance(opened(10))
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft), by=QUIET - 0.1)
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft))
    assert owner.series.since is None
    owner.mono += 0.1
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft))
    assert owner.series.since is not None
    assert abs(owner.series.since - opened(10 + QUIET + 1)) < SECOND / 5


def test_it_is_covered_to_two_seconds_before_the_clock_and_never_before_it_begins(owner: Owner) -> None:
    owner.back(opened(10))
    assert owner.series.until(owner.clock) == opened(11)
    owner.feed(row(20))
    assert owner.series.until(owner.clock) == opened(18)


def test_coverage_is_told_when_something_is_new_to_it(owner: Owner) -> None:
    fed(owner)
    owner.tell()
    records = len(owner.writer.records)
    owner.tell()
    assert len(owner.writer.records) == records
    owner.feed(row(21))
    draft = Draft()
    owner.series.tell(owner.clock, None, draft, changes_only=True)
    assert not draft
    owner.tell()
    assert told(owner) == ("waiting", opened(11), opened(19), opened(11), opened(21), 2)


# --- a break ---------------------------------------------------------------------------------------------------


def test_a_break_opens_a_gap_from_what_was_sure_to_a_second_after_the_feed_is_back(owner: Owner) -> None:
    repair = broken(owner)
    (gap,) = owner.gaps.values()
    assert gap == repair.gap
    assert (gap.begin, gap.end, gap.why, gap.state) == (opened(18), opened(31), "socket", "open")
    assert (gap.topic, gap.run, gap.repaired, gap.rows, gap.offsets) == (TOPIC, 7, None, 0, None)
    assert owner.series.since == opened(11)


def test_while_it_is_broken_it_is_covered_up_to_where_that_was_sure(owner: Owner) -> None:
    fed(owner)
    owner.series.break_off("upstream", owner.clock)
    owner.advance(opened(40))
    assert owner.series.until(owner.clock) == opened(18)


def test_what_breaks_again_before_it_is_whole_is_one_gap(owner: Owner) -> None:
    fed(owner)
    owner.series.break_off("upstream", owner.clock)
    owner.advance(opened(25))
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(30))
    assert [(gap.begin, gap.end, gap.why) for gap in owner.gaps.values()] == [(opened(18), opened(31), "upstream")]


def test_a_first_subscription_that_breaks_before_it_is_whole_has_no_gap(owner: Owner) -> None:
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(30))
    assert owner.gaps == {}
    assert owner.series.since == opened(31)


def test_what_resumes_has_to_begin_anew_after_another_break(owner: Owner) -> None:
    fed(owner)
    owner.series.break_off("socket", owner.clock)
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft), by=0.3)
    owner.series.break_off("socket", owner.clock)
    owner.advance(opened(30))
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft), by=0.3)
    assert owner.gaps == {}
    owner.advance(opened(31))
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft))
    assert [(gap.begin, gap.end) for gap in owner.gaps.values()] == [(opened(18), opened(32))]


def test_a_first_event_that_is_late_does_not_end_the_gap_before_the_break(owner: Owner) -> None:
    fed(owner)
    owner.series.break_off("socket", owner.clock)
    # The market had been at twenty seconds; a trade that is reported late is the first to come.
    owner.back(opened(18.5))
    assert owner.gaps == {}
    owner.advance(opened(21.5))
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft))
    (gap,) = owner.gaps.values()
    assert (gap.begin, gap.end) == (opened(18), opened(22.5))


def test_history_is_asked_when_the_market_is_past_the_gap(owner: Owner) -> None:
    repair = broken(owner)
    assert owner.series.due_repairs(owner.clock, owner.mono) == []
    owner.advance(opened(31) - 1000)
    assert owner.series.due_repairs(owner.clock, owner.mono) == []
    owner.advance(opened(31))
    assert owner.series.due_repairs(owner.clock, owner.mono) == [repair]
    owner.series.ask(repair)
    assert owner.series.due_repairs(owner.clock, owner.mono) == []


def test_a_gap_in_which_there_is_no_session_asks_nothing(owner: Owner) -> None:
    repair = broken(owner)
    assert not owner.series.asks_nothing(repair.gap)
    night = Gap(TOPIC, 7, "n", at("16:00:00.000"), at("23:00"), "socket")
    assert owner.series.asks_nothing(night)
    # The millisecond of the close is part of the session.
    assert not owner.series.asks_nothing(Gap(TOPIC, 7, "n", at("15:59:59.999"), at("23:00"), "socket"))


# --- what waits ------------------------------------------------------------------------------------------------


def test_rows_wait_for_the_repair_and_come_out_in_the_order_of_their_times(owner: Owner) -> None:
    repair = broken(owner)
    owner.feed(row(31))
    owner.feed(row(33), row(32))
    assert owner.messages == [b"20"]
    assert owner.series.until(owner.clock) == opened(18)
    owner.series.ask(repair)
    owner.part(repair, [row(19), row(25)], repair.gap.end)
    assert owner.messages == [b"20"]
    owner.close(repair)
    assert owner.messages == [b"20", b"19", b"25", b"31", b"32", b"33"]
    assert owner.series.until(owner.clock) == opened(31)
    (gap,) = owner.gaps.values()
    assert (gap.state, gap.rows, gap.repaired) == ("closed", 2, gap.end)
    assert owner.series.rows == 6


def test_rows_of_one_moment_keep_the_order_in_which_they_came(owner: Owner) -> None:
    repair = broken(owner)
    owner.feed(row(31, "b"), row(31, "a"))
    owner.feed(row(31, "c"))
    owner.close(repair)
    assert owner.messages[1:] == [b"b", b"a", b"c"]


def test_the_gap_names_the_offsets_among_which_its_rows_lie(owner: Owner) -> None:
    repair = broken(owner)
    owner.feed(row(31))
    owner.series.ask(repair)
    owner.part(repair, [row(19), row(25)], repair.gap.end)
    owner.close(repair)
    (gap,) = owner.gaps.values()
    assert gap.offsets is not None
    inside = [one[1] for one in owner.writer.topics[TOPIC][slice(*gap.offsets)] if one]
    assert {b"19", b"25"} <= set(inside)


def test_who_waits_too_long_is_written_without_the_repair(owner: Owner) -> None:
    repair = broken(owner)
    until = owner.series.hold_until
    # From when the link was back: two turns before.
    assert until == pytest.approx(owner.mono - 0.31 + HOLD)
    owner.feed(row(32))
    owner.turn(owner.series.release)
    assert owner.messages == [b"20", b"32"]
    assert owner.series.hold_until is None
    owner.feed(row(33))
    assert owner.messages == [b"20", b"32", b"33"]
    owner.series.ask(repair)
    owner.part(repair, [row(19), row(25)], repair.gap.end)
    assert owner.messages == [b"20", b"32", b"33", b"19", b"25"]
    (gap,) = owner.gaps.values()
    assert gap.offsets is not None
    assert [one[1] for one in owner.writer.topics[TOPIC][slice(*gap.offsets)] if one] == [b"19", b"25"]
    assert (gap.state, gap.rows, gap.repaired) == ("open", 2, gap.end)


def test_the_first_rows_of_a_new_subscription_do_not_wait(owner: Owner) -> None:
    owner.turn(lambda draft: owner.series.resume(owner.clock, owner.mono, draft))
    owner.feed(row(10))
    assert owner.messages == [b"10"]
    assert owner.series.hold_until is None


def test_what_waits_while_the_link_breaks_again_is_not_lost_and_not_promised(owner: Owner) -> None:
    broken(owner)
    owner.feed(row(32))
    owner.series.break_off("socket", owner.clock)
    assert owner.series.until(owner.clock) == opened(18)
    owner.turn(owner.series.release)
    assert owner.messages == [b"20", b"32"]
    owner.back(opened(40))
    assert [(gap.begin, gap.end) for gap in owner.gaps.values()] == [
        (opened(18), opened(31)),
        (opened(18), opened(41)),
    ]


# --- what history brings ---------------------------------------------------------------------------------------


def test_what_came_from_the_stream_since_history_was_asked_is_not_written_again(owner: Owner) -> None:
    repair = broken(owner)
    owner.turn(owner.series.release)
    owner.series.ask(repair)
    owner.feed(row(30.5, "x"), row(30.5, "x"))
    # History has it three times: the third one was missed.
    owner.part(repair, [row(30.5, "x")] * 3 + [row(25)], repair.gap.end)
    assert owner.messages == [b"20", b"x", b"x", b"x", b"25"]
    assert repair.gap.rows == 2


def test_what_waits_to_be_written_is_not_written_again_either(owner: Owner) -> None:
    repair = broken(owner)
    owner.feed(row(30.5, "x"))
    assert owner.series.ask(repair) == owner.series.end_offset
    owner.feed(row(30.6, "y"))
    owner.part(repair, [row(19), row(30.5, "x"), row(30.6, "y")], repair.gap.end)
    owner.close(repair)
    assert owner.messages == [b"20", b"19", b"x", b"y"]
    assert next(iter(owner.gaps.values())).rows == 1


def test_rows_outside_of_the_gap_are_no_rows_of_it(owner: Owner) -> None:
    repair = broken(owner)
    owner.turn(owner.series.release)
    owner.series.ask(repair)
    same = "same"
    owner.feed((repair.gap.begin, b"same"), (repair.gap.end + 1000, b"same"))
    owner.part(repair, [row(25, same)], repair.gap.end)
    assert owner.messages.count(b"same") == 3
    owner.feed((repair.gap.begin + 1000, b"edge"), (repair.gap.end, b"edge"))
    owner.part(repair, [(repair.gap.begin + 1000, b"edge"), (repair.gap.end, b"edge")], repair.gap.end)
    assert owner.messages.count(b"edge") == 2


def test_a_late_row_of_the_stream_that_the_repair_has_brought_is_not_doubled(owner: Owner) -> None:
    repair = broken(owner)
    owner.turn(owner.series.release)
    owner.series.ask(repair)
    owner.part(repair, [row(25), row(25)], repair.gap.end)
    owner.close(repair)
    owner.feed(row(25), row(36))
    owner.feed(row(25))
    assert owner.messages == [b"20", b"25", b"25", b"36"]
    # Once for each: another one like it is another row.
    owner.feed(row(25))
    assert owner.messages == [b"20", b"25", b"25", b"36", b"25"]


def test_a_row_that_comes_when_the_repair_is_long_over_is_taken_as_it_is(owner: Owner) -> None:
    repair = broken(owner)
    owner.turn(owner.series.release)
    owner.series.ask(repair)
    owner.advance(opened(120))
    owner.part(repair, [row(25)], repair.gap.end)
    owner.close(repair)
    owner.feed(row(25))
    assert owner.messages == [b"20", b"25", b"25"]


def test_two_overlapping_repairs_do_not_both_bring_the_same_row(owner: Owner) -> None:
    first = broken(owner)
    owner.turn(owner.series.release)
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(35))
    owner.turn(owner.series.release)
    first, second = owner.repairs
    assert (second.gap.begin, second.gap.end) == (opened(28), opened(36))
    owner.series.ask(first)
    owner.series.ask(second)
    both, only = row(29), row(33)
    owner.part(first, [row(25), both], first.gap.end)
    owner.part(second, [both, only], second.gap.end)
    assert owner.messages == [b"20", b"25", b"29", b"33"]
    owner.close(first)
    owner.close(second)
    assert [(gap.state, gap.rows) for gap in owner.gaps.values()] == [("closed", 2), ("closed", 1)]


def test_rows_of_two_overlapping_repairs_wait_together_and_are_not_doubled(owner: Owner) -> None:
    first = broken(owner)
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(35))
    first, second = owner.repairs
    for repair in (first, second):
        owner.series.ask(repair)
    owner.part(first, [row(25), row(29)], first.gap.end)
    owner.part(second, [row(25), row(29), row(33)], second.gap.end)
    owner.feed(row(37))
    owner.close(first)
    assert owner.messages == [b"20"]
    owner.close(second)
    assert owner.messages == [b"20", b"25", b"29", b"33", b"37"]


def test_a_gap_is_not_told_to_be_closed_before_its_rows_are_in_the_topic(owner: Owner) -> None:
    broken(owner)
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(35))
    first, second = owner.repairs
    owner.series.ask(first)
    owner.part(first, [row(25)], first.gap.end)
    owner.close(first)
    assert second.gap.id in owner.series.repairs
    # Should the owner die now, nobody would look for this row again.
    closed = owner.gaps[first.gap.id].state == "closed"
    assert closed == (b"25" in owner.messages)


def test_a_gap_that_is_closed_while_its_rows_wait_names_their_offsets_in_the_end(owner: Owner) -> None:
    broken(owner)
    owner.series.break_off("socket", owner.clock)
    owner.back(opened(35))
    first, second = owner.repairs
    owner.series.ask(first)
    owner.part(first, [row(25)], first.gap.end)
    owner.close(first)
    owner.close(second)
    assert b"25" in owner.messages
    assert owner.gaps[first.gap.id].offsets is not None


def test_a_repair_that_is_put_off_does_not_tell_of_rows_that_wait(owner: Owner) -> None:
    repair = broken(owner)
    owner.series.ask(repair)
    owner.part(repair, [row(25)], opened(26))
    owner.turn(lambda draft: owner.series.delay(repair, owner.mono, "no answer", draft))
    (gap,) = owner.gaps.values()
    # A successor begins behind what is repaired.
    assert b"25" in owner.messages or gap.repaired is None or gap.repaired < opened(25)


def test_a_repair_that_fails_is_tried_again_later_and_says_why(owner: Owner) -> None:
    repair = broken(owner)
    owner.turn(owner.series.release)
    owner.advance(opened(40))
    owner.series.ask(repair)
    owner.part(repair, [row(25)], opened(26))
    owner.turn(lambda draft: owner.series.delay(repair, owner.mono, "no answer", draft))
    (gap,) = owner.gaps.values()
    assert (gap.state, gap.reason, gap.repaired, gap.rows) == ("open", "no answer", opened(26), 1)
    assert owner.series.due_repairs(owner.clock, owner.mono + AGAIN - 1) == []
    assert owner.series.due_repairs(owner.clock, owner.mono + AGAIN) == [repair]
    # The row is in the topic now, and so is counted there.
    end = owner.series.ask(repair)
    assert [one[1] for one in owner.writer.topics[TOPIC][:end] if one] == [b"20", b"25"]
    assert not repair.tap


def test_a_gap_that_history_refuses_has_failed_and_asks_no_more(owner: Owner) -> None:
    repair = broken(owner)
    owner.feed(row(32))
    owner.close(repair, failed="not in the subscription")
    (gap,) = owner.gaps.values()
    assert (gap.state, gap.reason) == ("failed", "not in the subscription")
    assert owner.messages == [b"20", b"32"]
    assert not owner.series.repairs
    assert owner.series.since == opened(11)


@pytest.mark.parametrize("aborted", [0, 1, 2])
def test_what_an_aborted_transaction_held_is_written_once(owner: Owner, aborted: int) -> None:
    repair = broken(owner)
    owner.feed(row(31))
    owner.series.ask(repair)
    owner.part(repair, [row(25)], repair.gap.end)
    owner.turn(lambda draft: owner.series.close_gap(repair, draft), aborted=aborted)
    assert owner.messages == [b"20", b"25", b"31"]
    assert owner.series.rows == 3
    (gap,) = owner.gaps.values()
    assert gap.offsets is not None
    rows = owner.writer.topics[TOPIC]
    assert b"25" in [one[1] for one in rows[slice(*gap.offsets)] if one]
    assert owner.series.end_offset == len(rows) - 1


# --- a start in the past ---------------------------------------------------------------------------------------


def test_a_start_in_the_past_is_a_gap_and_counts_when_it_is_closed() -> None:
    owner = Owner(subscription(start=opened(2)))
    owner.back(opened(10))
    (gap,) = owner.gaps.values()
    assert (gap.begin, gap.end, gap.why) == (opened(2), opened(11), "start")
    assert owner.series.since is None
    owner.tell()
    assert owner.coverage is not None
    assert owner.coverage.since is None
    (repair,) = owner.repairs
    owner.series.ask(repair)
    owner.part(repair, [row(5)], opened(6))
    assert owner.series.since is None
    owner.close(repair)
    assert owner.series.since == opened(2)


def test_a_start_that_history_refuses_is_not_promised() -> None:
    owner = Owner(subscription(start=opened(2)))
    owner.back(opened(10))
    owner.close(owner.repairs[0], failed="not in the subscription")
    assert owner.series.since != opened(2)


def test_a_start_in_the_future_of_the_subscription_opens_nothing() -> None:
    owner = Owner(subscription(start=opened(500)))
    owner.back(opened(10))
    assert owner.gaps == {}
    assert owner.series.since == opened(11)


def test_an_earlier_start_that_is_asked_for_later_is_a_gap_up_to_what_is_whole(owner: Owner) -> None:
    fed(owner)
    owner.series.sub = subscription(start=opened(3))
    owner.turn(owner.series.want_start)
    assert [(gap.begin, gap.end, gap.why) for gap in owner.gaps.values()] == [(opened(3), opened(11), "start")]
    assert owner.series.since == opened(11)
    owner.series.sub = subscription(start=opened(1))
    owner.turn(owner.series.want_start)
    assert [(gap.begin, gap.end) for gap in owner.gaps.values()][1:] == [(opened(1), opened(3))]
    later = subscription(start=opened(5))
    owner.series.sub = later
    owner.turn(owner.series.want_start)
    assert len(owner.gaps) == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_starts_count_when_both_are_closed_or_the_other_is_still_told(owner: Owner, order: tuple[int, int]) -> None:
    fed(owner)
    for start in (3, 1):
        owner.series.sub = subscription(start=opened(start))
        owner.turn(owner.series.want_start)
    repairs = owner.repairs
    for i in order:
        owner.close(repairs[i])
        # Whatever is promised is whole but for what is open.
        still = [one.gap for one in owner.repairs]
        assert owner.series.since in (opened(11), opened(1))
        if owner.series.since == opened(1):
            assert all((gap.begin, gap.end) == (opened(3), opened(11)) for gap in still)
    assert owner.series.since == opened(1)


def test_an_earlier_start_while_the_link_is_broken_waits_for_the_link(owner: Owner) -> None:
    fed(owner)
    owner.series.break_off("socket", owner.clock)
    owner.series.sub = subscription(start=opened(3))
    owner.turn(owner.series.want_start)
    assert owner.gaps == {}
    owner.back(opened(30))
    assert [(gap.begin, gap.end, gap.why) for gap in owner.gaps.values()] == [
        (opened(18), opened(31), "socket"),
        (opened(3), opened(11), "start"),
    ]


# --- another owner -----------------------------------------------------------------------------------------------


def test_a_new_owner_goes_on_from_what_was_recorded(owner: Owner) -> None:
    repair = broken(owner)
    owner.turn(owner.series.release)
    owner.advance(opened(50))
    owner.tell()
    after = Owner(owner.sub, owner.writer)
    assert after.series.since == opened(11)
    assert after.series.rows == 1
    assert after.series.last == opened(20)
    assert after.series.until(after.clock) == opened(48)
    assert repair.gap in [one.gap for one in after.repairs]
    after.back(opened(60))
    assert [(gap.begin, gap.end, gap.why) for gap in after.gaps.values()] == [
        (opened(18), opened(31), "socket"),
        (opened(48), opened(61), "take_over"),
    ]


def test_a_new_owner_of_a_topic_that_was_never_whole_promises_what_it_sees() -> None:
    writer = FakeWriter()
    Owner(writer=writer).tell()
    after = Owner(writer=writer)
    after.back(opened(60))
    assert after.gaps == {}
    assert after.series.since == opened(61)


def test_a_new_owner_does_not_take_up_gaps_that_are_over(owner: Owner) -> None:
    repair = broken(owner)
    owner.close(repair)
    owner.tell()
    assert repair.gap.id not in Owner(owner.sub, owner.writer).series.repairs


def test_a_new_owner_suspects_what_the_former_one_did_not_come_to_compare(owner: Owner) -> None:
    fed(owner)
    owner.advance(opened(50))
    owner.tell()
    after = Owner(owner.sub, owner.writer)
    (repair,) = after.repairs
    assert (repair.gap.begin, repair.gap.end, repair.told) == (opened(11), opened(48), False)
    after.back(opened(60))
    after.series.ask(repair)
    after.part(repair, [row(47.9)], repair.gap.end)
    for one in after.repairs:
        after.close(one)
    assert after.messages == [b"20", b"47.9"]
    # It says nothing of the subscriptions that stand now.
    assert not repair.reaches_the_end


def test_a_new_owner_suspects_nothing_that_was_compared(owner: Owner) -> None:
    fed(owner)
    owner.advance(opened(50))
    owner.series.verified = owner.series.until(owner.clock)
    owner.tell()
    assert Owner(owner.sub, owner.writer).repairs == []


def test_a_new_owner_of_a_start_in_the_past_goes_on_with_that_gap_and_opens_no_other() -> None:
    sub = subscription(start=opened(2))
    owner = Owner(sub)
    owner.back(opened(10))
    owner.feed(row(20))
    owner.tell()
    after = Owner(sub, owner.writer)
    after.back(opened(30))
    assert [(gap.begin, gap.end, gap.why) for gap in after.gaps.values()] == [
        (opened(2), opened(11), "start"),
        (opened(18), opened(31), "take_over"),
    ]
    (start,) = [repair for repair in after.repairs if repair.gap.why == "start"]
    after.close(start)
    # What it brought may still wait for the others.
    assert after.series.since is None
    after.turn(after.series.release)
    assert after.series.since == opened(2)


# --- suspicion -----------------------------------------------------------------------------------------------------


def suspected(owner: Owner) -> Repair:
    fed(owner)
    owner.advance(opened(700))
    repair: Repair = owner.series.open_gap(OPEN, OPEN + WINDOW, "silent", None)
    owner.series.ask(repair)
    return repair


def test_a_suspicion_is_not_told_and_leaves_no_trace_when_nothing_is_missing(owner: Owner) -> None:
    repair = suspected(owner)
    owner.part(repair, [], repair.gap.end)
    owner.close(repair)
    assert owner.gaps == {}
    assert not owner.series.repairs
    assert owner.messages == [b"20"]
    assert not repair.reaches_the_end


def test_what_is_found_to_be_missing_is_a_gap_around_it(owner: Owner) -> None:
    repair = suspected(owner)
    owner.part(repair, [row(40), row(50)], repair.gap.end)
    owner.close(repair)
    (gap,) = owner.gaps.values()
    assert (gap.begin, gap.end, gap.why, gap.rows) == (opened(40) - 1000, opened(50), "silent", 2)
    assert gap.state == "closed"
    assert owner.messages == [b"20", b"40", b"50"]
    assert not repair.reaches_the_end


@pytest.mark.parametrize(("last", "silent"), [(290, False), (299, True), (300, True)])
def test_what_is_missing_to_the_end_is_missing_still(owner: Owner, last: float, silent: bool) -> None:
    repair = suspected(owner)
    owner.part(repair, [row(250), row(last)], repair.gap.end)
    owner.close(repair)
    assert repair.reaches_the_end is silent


def test_a_suspicion_that_could_not_be_looked_into_is_kept_and_not_told(owner: Owner) -> None:
    repair = suspected(owner)
    owner.turn(lambda draft: owner.series.delay(repair, owner.mono, "no answer", draft))
    assert owner.gaps == {}
    assert owner.repairs == [repair]


def test_a_suspicion_of_which_a_part_was_looked_into_goes_on_with_the_rest(owner: Owner) -> None:
    repair = suspected(owner)
    owner.part(repair, [row(20.5), row(30)], opened(150))
    owner.turn(lambda draft: owner.series.delay(repair, owner.mono, "no answer", draft))
    assert (repair.asked.begin, repair.asked.end, repair.gap.repaired) == (OPEN, OPEN + WINDOW, opened(150))
    (gap,) = owner.gaps.values()
    assert (gap.begin, gap.end) == (opened(20.5) - 1000, opened(30))


def test_what_was_suspected_is_looked_into_by_a_new_owner_too(owner: Owner) -> None:
    repair = suspected(owner)
    owner.series.verified = OPEN + WINDOW
    owner.part(repair, [row(30)], opened(150))
    owner.tell()
    assert owner.coverage is not None
    assert owner.coverage.verified == OPEN
    after = Owner(owner.sub, owner.writer)
    assert any(one.asked.begin <= opened(11) and one.asked.end >= OPEN + WINDOW for one in after.repairs)


def test_a_late_row_is_not_doubled_by_a_later_part_of_a_suspicion(owner: Owner) -> None:
    repair = suspected(owner)
    owner.part(repair, [row(30)], opened(150))
    owner.feed(row(200))
    owner.part(repair, [row(200)], repair.gap.end)
    assert owner.messages == [b"20", b"30", b"200"]


# --- sums ----------------------------------------------------------------------------------------------------------


def test_what_the_topic_holds_is_summed_once_however_it_came(owner: Owner) -> None:
    repair = broken(owner)
    owner.feed(row(32))
    owner.series.ask(repair)
    owner.part(repair, [row(25)], repair.gap.end)
    owner.close(repair)
    owner.feed(row(25), row(36))
    owner.feed(row(10))  # before it is whole
    assert owner.series.sums is not None
    assert sum(count for count, _ in owner.series.sums.found.values()) == 4
    fresh = type(owner.series.sums)(opened(11))
    part = slice_of([row(20), row(25), row(32), row(36)])
    fresh.add(part.timestamps, part.hashes)
    assert fresh.found == owner.series.sums.found


def test_late_by_no_more_than_is_allowed_for_is_covered() -> None:
    assert LATENESS == 2 * SECOND
