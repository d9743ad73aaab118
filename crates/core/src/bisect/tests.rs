//! What holds of every search.

use proptest::prelude::*;

use super::*;

fn search(count: usize, p_min: f64, history: History) -> Search {
    Search::new(Setup { p_min, history, ..Setup::among(count) })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Passed),
        3 => Just(Outcome::Failed),
        1 => Just(Outcome::Unknown),
    ]
}

fn observations() -> impl Strategy<Value = (usize, Vec<(usize, Outcome)>)> {
    (2usize..40)
        .prop_flat_map(|count| (Just(count), prop::collection::vec((0..=count, outcome()), 0..60)))
}

fn same(a: &Posterior, b: &Posterior) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
    close(a.none, b.none) && a.suspects.iter().zip(&b.suspects).all(|(a, b)| close(*a, *b))
}

proptest! {
    #[test]
    fn the_posterior_sums_to_one((count, seen) in observations(), p_min in 0.01f64..0.5) {
        let mut search = search(count, p_min, History { runs: 100, failures: 2 });
        for (push, outcome) in seen {
            search.observe(push, outcome);
        }
        let posterior = search.posterior();
        let sum = posterior.suspects.iter().sum::<f64>() + posterior.none;
        prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        prop_assert!(posterior.suspects.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn the_order_of_observations_makes_no_difference(
        ((count, seen), shuffled) in observations().prop_flat_map(|(count, seen)| {
            (Just((count, seen.clone())), Just(seen).prop_shuffle())
        }),
    ) {
        let told = |seen: &[(usize, Outcome)]| {
            let mut search = search(count, 0.05, History::default());
            seen.iter().for_each(|(push, outcome)| search.observe(*push, *outcome));
            (search.posterior(), search.next(3, &[]), search.verdict())
        };
        let (a, b) = (told(&seen), told(&shuffled));
        prop_assert!(same(&a.0, &b.0));
        prop_assert_eq!((a.1, a.2), (b.1, b.2));
    }

    #[test]
    fn an_unknown_changes_nothing((count, seen) in observations(), push in 0usize..40) {
        let mut search = search(count, 0.05, History::default());
        for (push, outcome) in seen {
            search.observe(push, outcome);
        }
        let before = search.posterior();
        search.observe(push % (count + 1), Outcome::Unknown);
        prop_assert!(same(&before, &search.posterior()));
    }

    #[test]
    fn runs_are_only_asked_for_where_they_can_be_made(
        (count, seen) in observations(),
        unbuildable in prop::collection::vec(any::<bool>(), 41),
        k in 1usize..9,
    ) {
        let mut search = search(count, 0.05, History::default());
        for (push, outcome) in seen {
            search.observe(push, outcome);
        }
        for push in (0..=count).filter(|push| unbuildable[*push]) {
            search.observe(push, Outcome::Unbuildable);
        }
        for push in search.next(k, &[]) {
            prop_assert!(search.counts()[push].is_testable());
        }
    }
}

#[test]
fn many_observations_do_not_underflow() {
    let mut search = search(1024, 0.05, History { runs: 200, failures: 2 });
    for i in 0..10_000usize {
        let push = (i * 7) % 1025;
        let fails = push >= 700 && i % 2 == 0;
        search.observe(push, if fails { Outcome::Failed } else { Outcome::Passed });
    }
    let posterior = search.posterior();
    assert!((posterior.suspects.iter().sum::<f64>() + posterior.none - 1.0).abs() < 1e-9);
    assert!(matches!(search.verdict(), Verdict::Culprit { first: 695..=702, .. }));
}

#[test]
fn many_unknowns_make_a_push_one_that_cannot_be_built() {
    let mut search = search(8, 0.05, History::default());
    for _ in 0..3 {
        search.observe(4, Outcome::Unknown);
    }
    assert!(search.counts()[4].is_testable());
    search.observe(4, Outcome::Unknown);
    assert!(!search.counts()[4].is_testable());
    assert_eq!(search.together(5), (4, 5));
    assert!(!search.next(20, &[]).contains(&4));
}

#[test]
fn pushes_that_cannot_be_built_are_joined_to_the_next() {
    let mut search = search(8, 0.05, History { runs: 200, failures: 0 });
    search.observe(4, Outcome::Unbuildable);
    search.observe(5, Outcome::Unbuildable);
    for _ in 0..12 {
        search.observe(3, Outcome::Passed);
        search.observe(6, Outcome::Failed);
    }
    match search.verdict() {
        Verdict::Culprit { first, last, probability } => {
            assert_eq!((first, last), (4, 6));
            assert!(probability > 0.99);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_build_broken_leaves_nothing_to_ask_for() {
    let mut search = search(4, 0.05, History::default());
    (0..=4).for_each(|push| search.observe(push, Outcome::Unbuildable));
    assert!(search.next(3, &[]).is_empty());
    assert!(!search.verdict().is_decided());
}

/// Plays a search in a world that is given by its culprit and rates.
fn play(mut search: Search, culprit: usize, bad: f64, good: f64, seed: u64) -> (Search, Vec<f64>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut truth = Vec::new();
    for _ in 0..30 {
        truth.push(search.posterior().suspects.get(culprit).copied().unwrap_or(0.0));
        let Some(push) = search.next(1, &[]).first().copied() else { break };
        let rate = if push >= culprit { bad } else { good };
        let failed = random.f64() < rate;
        search.observe(push, if failed { Outcome::Failed } else { Outcome::Passed });
    }
    (search, truth)
}

#[test]
fn on_average_more_runs_tell_more_of_the_truth() {
    let mut mean = vec![0.0; 30];
    for seed in 0..200u64 {
        let begun = search(16, 0.1, History { runs: 100, failures: 1 });
        let culprit = 1 + seed as usize % 16;
        let (_, truth) = play(begun, culprit, 0.6, 0.01, seed);
        mean.iter_mut().zip(&truth).for_each(|(mean, truth)| *mean += truth / 200.0);
    }
    // Five runs make a step that noise does not hide.
    for step in mean.chunks_exact(5).collect::<Vec<_>>().windows(2) {
        let of = |part: &[f64]| part.iter().sum::<f64>() / 5.0;
        assert!(of(step[1]) > of(step[0]), "{mean:?}");
    }
}

#[test]
fn the_bound_is_that_of_the_literature() {
    let check = |n, p: f64, q: f64, jobs: f64| {
        let found = bound(n, 1.0 - (1.0 - p) * (1.0 - q), q, 0.01).jobs();
        assert!((found - jobs).abs() < 0.05 * jobs, "{found} for {jobs}");
    };
    check(8, 0.5, 0.01, 10.0);
    check(32, 1.0, 0.0, 4.9);
    check(32, 0.5, 0.05, 21.6);
    check(32, 0.1, 0.01, 130.0);
    check(128, 1.0, 0.01, 7.1);
    check(128, 0.1, 0.0, 125.0);
    check(1024, 0.5, 0.01, 33.9);
}

/// Plays searches in worlds with a suspect that broke it and was backed out, and one after it that
/// breaks it still: how many name the second, the first, anything else, and nothing.
fn play_backed_out(rates: (f64, f64), good: f64, worlds: u64) -> [u32; 4] {
    let mut ends = [0; 4];
    for seed in 0..worlds {
        let mut random = fastrand::Rng::with_seed(seed);
        let (first, until) = (4 + seed as usize % 5, 9 + seed as usize % 4);
        let second = until + 1 + seed as usize % 8;
        let mut setup = Setup::among(24);
        setup.history = History { runs: 200, failures: (200.0 * good) as u32 };
        setup.backouts = vec![Backout { suspect: first, until }];
        let mut search = Search::new(setup);
        let mut run = |search: &mut Search, push: usize| {
            let rate = match push {
                push if (first..until).contains(&push) => rates.0,
                push if push >= second => rates.1,
                _ => good,
            };
            let failed = random.f64() < rate;
            search.observe(push, if failed { Outcome::Failed } else { Outcome::Passed });
        };
        // What ran by itself: every third push, once.
        (0..=24).step_by(3).for_each(|push| run(&mut search, push));
        for _ in 0..300 {
            if search.verdict().is_decided() {
                break;
            }
            let Some(push) = search.next(1, &[]).first().copied() else { break };
            run(&mut search, push);
        }
        let end = match search.verdict() {
            Verdict::Culprit { first: a, last: b, .. } if (a..=b).contains(&second) => 0,
            Verdict::Culprit { first: a, last: b, .. } if (a..=b).contains(&first) => 1,
            Verdict::Undecided { .. } => 3,
            _ => 2,
        };
        ends[end] += 1;
    }
    ends
}

#[test]
fn a_suspect_that_was_backed_out_is_never_convicted() {
    for (rates, good) in [((1.0, 1.0), 0.0), ((1.0, 0.3), 0.0), ((0.6, 0.6), 0.01)] {
        let [right, backed_out, wrong, undecided] = play_backed_out(rates, good, 100);
        assert_eq!(backed_out, 0, "{rates:?}");
        assert!(wrong <= 2, "{rates:?}: {wrong} wrong");
        assert!(right >= 80, "{rates:?}: {right} right, {undecided} undecided");
    }
}

#[test]
fn where_every_suspect_was_backed_out_it_is_older_or_none() {
    let mut setup = Setup::among(2);
    setup.backouts = vec![Backout { suspect: 1, until: 2 }, Backout { suspect: 2, until: 2 }];
    let mut search = Search::new(setup);
    (0..12).for_each(|_| search.observe(2, Outcome::Failed));
    (0..12).for_each(|_| search.observe(0, Outcome::Failed));
    let verdict = search.verdict();
    assert!(matches!(verdict, Verdict::Older { .. } | Verdict::None { .. }), "{verdict:?}");
    assert!(search.posterior().suspects[1] == 0.0);
}
