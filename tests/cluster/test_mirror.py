from hypothesis import given
from hypothesis import strategies as st

from porter.cluster.mirror import Change, Mirror, Seen

M = Mirror[str, str]


def seen(version: str, value: str | None = None, *, key: str = "a", uid: str = "u") -> Seen[str, str]:
    shown = value if value is not None else f"v{version}"
    return Seen(key=key, uid=uid, version=version, value=shown, view=shown)


def change(value: str | None, key: str = "a") -> Change[str]:
    return Change(key=key, value=value)


def test_an_own_write_is_not_undone_by_older_states_that_the_watch_still_brings() -> None:
    mirror: M = Mirror({})
    mirror.take(seen("1"))

    assert mirror.own(seen("3")) == change("v3")
    assert mirror.take(seen("2")) is None
    assert mirror.take(seen("3")) is None
    assert mirror.known == {"a": "v3"}
    assert mirror.take(seen("4")) == change("v4")


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12), st.data())
def test_what_is_known_is_the_newest_that_was_shown(history: list[tuple[bool, bool]], data: st.DataObject) -> None:
    """The watch brings each state in its order, some of them twice; the answers to own writes come at any time after."""
    mirror: M = Mirror({})
    watched = [version for version, (_, again) in enumerate(history) for _ in range(1 + again)]
    answers = [version for version, (own, _) in enumerate(history) if own]
    newest = -1

    while watched or answers:
        if answers and (not watched or data.draw(st.booleans())):
            version = answers.pop(0)
            mirror.own(seen(f"{version}"))
        else:
            version = watched.pop(0)
            mirror.take(seen(f"{version}"))
        newest = max(newest, version)
        assert mirror.known == {"a": f"v{newest}"}


@given(st.lists(st.tuples(st.sampled_from(["other", "one", "two", "failed"]), st.booleans()), max_size=8), st.data())
def test_of_two_writes_that_follow_each_other_nothing_is_missed(
    history: list[tuple[str, bool]], data: st.DataObject
) -> None:
    """As above, and of two own writes the first may be passed by, until the second one's answer or its failure comes."""
    mirror: M = Mirror({})
    mirror.take(seen("0"))
    watched: list[int] = []
    answers: list[tuple[str, int]] = []
    last = newest = 0
    for what, again in history:
        last += 1
        watched += [last] * (1 + again)
        match what:
            case "one":
                answers.append(("own", last))
            case "two":
                watched.append(last + 1)
                answers += [("halfway", last), ("own", last + 1)]
                last += 1
            case "failed":
                answers += [("halfway", last), ("turn_back", last)]
            case _:
                pass

    while watched or answers:
        if answers and (not watched or data.draw(st.booleans())):
            what, version = answers.pop(0)
            if what == "halfway":
                mirror.halfway("a", made_for=f"{version - 1}", version=f"{version}")
                continue
            if what == "turn_back" and not mirror.is_halfway("a"):
                continue  # the watch has brought it, or is about to
            (mirror.own if what == "own" else mirror.turn_back)(seen(f"{version}"))
        else:
            version = watched.pop(0)
            mirror.take(seen(f"{version}"))
        newest = max(newest, version)
        known = int(mirror.known["a"].removeprefix("v"))
        assert known == newest or (mirror.is_halfway("a") and known == newest - 1)
    assert mirror.known == {"a": f"v{last}"}


def test_the_first_of_two_writes_is_passed_by_until_the_second_fails() -> None:
    mirror: M = Mirror({})
    mirror.take(seen("1"))
    mirror.halfway("a", made_for="1", version="2")

    assert mirror.take(seen("2")) is None
    assert mirror.known == {"a": "v1"}
    assert mirror.turn_back(seen("2")) == change("v2")
    assert mirror.turn_back(seen("2")) is None
    assert mirror.take(seen("3")) == change("v3")


def test_the_first_of_two_writes_is_known_to_have_passed_however_much_has_passed_since() -> None:
    mirror: M = Mirror({})
    mirror.take(seen("1"))
    mirror.halfway("a", made_for="1", version="2")
    mirror.take(seen("2"))
    for version in range(10_000):
        mirror.take(seen(f"{version}", key="b"))

    assert mirror.turn_back(seen("2")) == change("v2")
    assert mirror.take(seen("3")) == change("v3")


def test_an_object_without_a_version_is_taken_as_any_other() -> None:
    mirror: M = Mirror({})

    assert mirror.take(seen("", "shown")) == change("shown")


def test_a_first_write_whose_answer_comes_after_a_later_one_is_not_taken_back_to() -> None:
    mirror: M = Mirror({})
    mirror.take(seen("1"))
    mirror.own(seen("3"))
    mirror.halfway("a", made_for="1", version="2")

    assert mirror.turn_back(seen("2")) is None
    assert mirror.known == {"a": "v3"}


def test_what_is_taken_in_between_two_writes_is_not_taken_back() -> None:
    mirror: M = Mirror({})
    mirror.take(seen("1"))
    mirror.halfway("a", made_for="1", version="2")

    assert mirror.take(seen("2")) is None
    assert mirror.take(seen("3")) == change("v3")
    assert mirror.turn_back(seen("2")) is None
    assert mirror.known == {"a": "v3"}


def test_an_answer_that_comes_after_the_watch_has_passed_it_changes_nothing() -> None:
    mirror: M = Mirror({})
    for version in ("1", "2", "3"):
        mirror.take(seen(version))

    assert mirror.own(seen("2")) is None
    assert mirror.known == {"a": "v3"}
    assert mirror.take(seen("4")) == change("v4")


def test_an_answer_that_changed_nothing_does_not_stop_the_watch_from_being_believed() -> None:
    mirror: M = Mirror({})
    mirror.list_begins()
    mirror.take_list([seen("1")])

    assert mirror.own(seen("1")) is None
    assert mirror.take(seen("2")) == change("v2")
    assert mirror.own(seen("1")) is None
    assert mirror.take(seen("3")) == change("v3")


def test_two_own_writes_wait_for_the_later_one() -> None:
    mirror: M = Mirror({"a": "v1"})

    mirror.own(seen("2"))
    mirror.own(seen("3"))

    assert mirror.take(seen("2")) is None
    assert mirror.known == {"a": "v3"}
    assert mirror.take(seen("3")) is None
    assert mirror.take(seen("4")) == change("v4")


def test_a_deletion_after_an_own_write_counts_and_that_of_an_older_namesake_does_not() -> None:
    mirror: M = Mirror({})
    mirror.own(seen("5", uid="new"))

    assert mirror.drop(seen("4", uid="old")) is None
    assert mirror.known == {"a": "v5"}
    assert mirror.drop(seen("6", uid="new")) == change(None)
    assert mirror.take(seen("7", uid="newer")) == change("v7")


def test_events_that_come_again_after_a_reconnect_do_not_flicker() -> None:
    mirror: M = Mirror({})
    for version in ("1", "2", "3"):
        mirror.take(seen(version))

    assert [mirror.take(seen(version)) for version in ("1", "2", "3")] == [None, None, None]
    assert mirror.known == {"a": "v3"}


def test_a_list_settles_what_was_written_before_it() -> None:
    mirror: M = Mirror({})
    mirror.own(seen("2"))
    mirror.list_begins()

    found = mirror.take_list([seen("9")])

    assert (found.changed, found.gone, found.doubtful) == (("v9",), (), ())
    assert mirror.take(seen("10")) == change("v10")


def test_what_is_written_during_a_list_is_read_once_more() -> None:
    mirror: M = Mirror({})
    mirror.list_begins()
    mirror.own(seen("5"))
    found = mirror.take_list([seen("4")])
    assert (found.changed, found.doubtful) == ((), ("a",))

    assert mirror.settle("a", read=seen("6"), listed="4") == change("v6")
    assert mirror.take(seen("5")) is None
    assert mirror.take(seen("6")) is None
    assert mirror.take(seen("7")) == change("v7")


def test_what_is_written_during_a_list_that_holds_it_needs_no_second_look() -> None:
    mirror: M = Mirror({})
    mirror.list_begins()
    mirror.own(seen("5"))

    assert mirror.take_list([seen("5")]).doubtful == ()
    assert mirror.take(seen("6")) == change("v6")


def test_an_object_read_again_that_is_as_listed_is_believed_at_once() -> None:
    mirror: M = Mirror({})
    mirror.list_begins()
    mirror.own(seen("5"))
    mirror.take_list([seen("6")])

    mirror.settle("a", read=seen("6"), listed="6")

    assert mirror.known == {"a": "v6"}
    assert mirror.take(seen("7")) == change("v7")


def test_what_is_of_no_interest_is_neither_known_nor_gone_twice() -> None:
    mirror: M = Mirror({"a": "v0"})
    dull: Seen[str, str] = Seen(key="a", uid="u", version="1", value=None, view=None)

    assert mirror.take(dull) == change(None)
    assert mirror.take(Seen(key="a", uid="u", version="2", value=None, view=None)) is None
    assert mirror.drop(seen("3")) is None
    assert mirror.views == {}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["watched", "watched", "written", "halfway", "gone", "listed"]),
            st.sampled_from("ab"),
            st.integers(0, 5),
        ),
        max_size=20,
    )
)
def test_a_state_that_is_passed_by_unread_changes_what_it_would_have_read(steps: list[tuple[str, str, int]]) -> None:
    quick: M = Mirror({})
    plain: M = Mirror({})

    for step, key, version in steps:
        one = seen(f"{version}", key=key)
        match step:
            case "watched":
                passed = quick.is_awaiting and quick.passes_by(key, one.version)
                assert plain.take(one) == (None if passed else quick.take(one))
            case "written":
                assert plain.own(one) == quick.own(one)
            case "halfway":
                for mirror in (plain, quick):
                    mirror.halfway(key, made_for=f"{version - 1}", version=one.version)
            case "gone":
                assert plain.drop(one) == quick.drop(one)
            case _:
                for mirror in (plain, quick):
                    mirror.list_begins()
                assert plain.take_list([one]) == quick.take_list([one])
        assert vars(plain) == vars(quick)
