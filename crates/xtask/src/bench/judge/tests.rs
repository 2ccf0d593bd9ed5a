use super::*;

/// What is judged where BASE took 10 s in each turn and HEAD these.
fn of(head_s: &[f64], bound: f64) -> (Ratios, Verdict) {
    let base_s = vec![10.0; head_s.len()];
    let readings = Readings { base_s: &base_s, head_s, step_s: 0.02 };
    let ratios = Ratios::of(&readings);
    (ratios, judge(&readings, &ratios, bound))
}

#[test]
fn verdicts_follow_from_the_median_and_the_spread() {
    use Doubt::FewTurns;
    use Verdict::{NotDecided, Passed, SeemsSlower, Slower};
    for (story, head_s, verdict) in [
        ("the same", vec![10.0; 7], Passed),
        ("noise within the bound", vec![9.9, 10.0, 10.1, 10.0, 10.0, 10.1, 9.9], Passed),
        ("2 % slower in every turn", vec![10.2; 7], Passed),
        ("4 % slower in every turn", vec![10.4; 7], Slower),
        ("slower, and spread", vec![9.0, 10.4, 10.4, 10.4, 11.0, 11.0, 12.0], SeemsSlower),
        ("slower, in few turns", vec![10.4; 2], SeemsSlower),
        ("the same, in few turns", vec![10.0; 5], NotDecided(FewTurns)),
        ("faster by much or little", vec![7.0, 8.0, 8.0, 8.5, 9.0, 9.0, 10.0], Passed),
        ("one turn far off is left out of nine", [&[14.0][..], &[10.0; 8]].concat(), Passed),
    ] {
        assert_eq!(of(&head_s, 0.03).1, verdict, "{story}");
    }
    let one_far_off = [14.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0];
    let Verdict::NotDecided(Doubt::Spread(spread)) = of(&one_far_off, 0.03).1 else {
        panic!("of seven turns all belong to the spread");
    };
    assert!((spread - 0.4).abs() < 1e-9);
    assert_eq!(of(&one_far_off, 0.5).1, Verdict::Passed, "a wide bound takes a wide spread");
}

#[test]
fn ratios_are_of_pairs() {
    // The machine became twice as slow in between: the ratios do not show it.
    let readings = Readings { base_s: &[1.0, 2.0, 2.0], head_s: &[1.1, 2.0, 1.8], step_s: 0.0 };
    let ratios = Ratios::of(&readings);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(near(ratios.median, 1.0) && near(ratios.least, 0.9) && near(ratios.greatest, 1.1));
    assert_eq!(ratios.sure, None);
    // Of an even number, the mean of the two in the middle.
    let readings = Readings { base_s: &[1.0, 1.0], head_s: &[1.0, 2.0], step_s: 0.0 };
    assert!(near(Ratios::of(&readings).median, 1.5));
}

#[test]
fn the_spread_leaves_out_ends_where_there_are_many_turns() {
    // The figures of tables of the sign test at 5 %, two-sided.
    for (turns, out) in [
        (1, None),
        (5, None),
        (6, Some(0)),
        (8, Some(0)),
        (9, Some(1)),
        (11, Some(1)),
        (12, Some(2)),
        (20, Some(5)),
        (100, Some(39)),
    ] {
        assert_eq!(left_out(turns), out, "{turns}");
    }
}

#[test]
fn readings_of_a_few_steps_of_the_clock_decide_nothing() {
    for head_s in [0.0, 0.03, 0.6, 9.0] {
        let (base_s, head_s) = ([0.05; 7], [head_s; 7]);
        let readings = Readings { base_s: &base_s, head_s: &head_s, step_s: 0.02 };
        let ratios = Ratios::of(&readings);
        assert!(ratios.median.is_finite());
        assert_eq!(judge(&readings, &ratios, 0.03), Verdict::NotDecided(Doubt::TooShort));
    }
}

#[test]
fn what_is_slower_is_told_before_what_is_not_decided() {
    let doubt = Verdict::NotDecided(Doubt::FewTurns);
    let (passed, slower) = (Verdict::Passed, Verdict::Slower);
    for (verdicts, exit_status) in [
        (vec![], 0),
        (vec![passed, passed], 0),
        (vec![passed, doubt, passed], 2),
        (vec![doubt, slower, passed], 1),
        (vec![slower, doubt], 1),
        (vec![doubt, Verdict::SeemsSlower], 1),
    ] {
        assert_eq!(worst(verdicts.clone()).exit_status(), exit_status, "{verdicts:?}");
    }
}
