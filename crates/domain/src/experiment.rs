//! Experiments: which of several invitations brings the most reviews.
//!
//! Each person gets one variant by [`assign`], as if by a fair die. A [`Tally`] counts what came of
//! it, and [`judge`] says whether a winner is known. The first variant is the control.
//!
//! # The method
//!
//! If two variants are equally good, each review that comes through one of them is equally likely
//! to be of either, whatever their rate is and however it moves with the season. So two variants
//! are compared by their reviews alone: the evidence is how much better a coin of unknown bias,
//! drawn from a symmetric beta distribution, explains who got them than a fair coin does. For a
//! fair coin this evidence is a martingale that starts at 1, so that it ever reaches `x` has a
//! chance of at most `1 / x` (Ville 1939; the mixture is Robbins 1970; reviews alone, with random
//! assignment, is Lindon and Malek, arXiv:2011.03567). A variant wins when it has more reviews than
//! each other one, with evidence of at least (variants - 1) / alpha.
//!
//! # What it guarantees
//!
//! The chance that it **ever** names a variant while another is at least as good is at most alpha,
//! however often one looks. For take one of the best variants. To name another one, or to name it
//! while a second is as good, the evidence in one of its (variants - 1) pairs must mislead, and
//! each pair does with a chance of at most alpha / (variants - 1).
//!
//! This needs three things. A person counts once, with the first invitation of the experiment.
//! Variants are assigned by [`assign`], and their set does not change on the way. Nothing but its
//! reviews tells one variant from another: not when it is sent, nor when it is counted. What shows
//! when that fails is that variants do not have the same number of trials: [`Verdict::Uneven`].
//!
//! # How long it takes
//!
//! Invitations for each variant until there is a winner, simulated with alpha = 0.05:
//!
//! | true rates | half of the experiments | nine of ten |
//! |---|---|---|
//! | 5 %, 8 % | 1,250 | 2,450 |
//! | 10 %, 12 % | 4,100 | 9,700 |
//! | 10 %, 15 % | 850 | 1,700 |
//! | 10 %, 20 % | 275 | 500 |
//! | 20 %, 25 % | 1,400 | 3,200 |
//! | 10 %, 10 %, 15 % | 1,200 | 2,200 |

use std::f64::consts::LN_2;

use libm::lgamma;

use crate::mac;

/// Both parameters of the beta distribution of the coin's bias.
///
/// It decides what is found fastest, not whether the guarantee holds: 20 suits rates of which one
/// is a fifth to a half higher than the other.
const COIN_PRIOR: f64 = 20.0;

/// Both parameters of the beta distribution in [`intervals`] (Jeffreys).
const RATE_PRIOR: f64 = 0.5;

/// The chance that variants that are assigned and counted alike are ever called uneven.
const FALSE_UNEVEN: f64 = 0.001;

/// What came of one variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// People whose invitation was delivered so long ago that its time to count is over.
    pub trials: u32,
    /// Those of them who wrote a review in that time: never more than `trials`.
    pub successes: u32,
}

/// When an experiment ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// The chance of ever naming a wrong winner; above 0 and below 1.
    pub alpha: f64,
    /// Without a winner, the experiment ends when every variant has this many trials.
    pub max_per_variant: u32,
}

/// What is known of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Running,
    /// The variant with this index is better than every other.
    Winner(usize),
    /// All trials are used up without a winner: the control stays.
    ///
    /// Also when several variants are better than the control, but none is better than all.
    NoDifference,
    /// The variants' numbers of trials differ more than chance explains, so that reviews cannot be
    /// compared: mails of a variant are lost, late, or not counted like the others'.
    Uneven,
}

/// The variant that `person`, a keyed hash, gets, from 0 to `variants` - 1.
///
/// It depends on nothing but these three. People are spread evenly, and independently of other
/// experiments.
#[must_use]
pub fn assign(experiment: &str, person: &str, variants: usize) -> usize {
    // Not secret: nobody outside knows `person`.
    let [a, b, c, d, ..] = mac::tag(b"afs experiment", &[experiment.as_bytes(), person.as_bytes()]);
    u32::from_be_bytes([a, b, c, d]) as usize % variants.max(1)
}

/// What `tallies`, one for each variant, say by `rule`.
///
/// A later answer may be weaker than an earlier one, so the first winner is to be kept. Fewer than
/// two variants are never compared.
#[must_use]
pub fn judge(rule: &Rule, tallies: &[Tally]) -> Verdict {
    if tallies.len() < 2 {
        return Verdict::Running;
    }
    if are_uneven(tallies) {
        Verdict::Uneven
    } else if let Some(winner) = winner(rule.alpha, tallies) {
        Verdict::Winner(winner)
    } else if tallies.iter().all(|tally| tally.trials >= rule.max_per_variant) {
        Verdict::NoDifference
    } else {
        Verdict::Running
    }
}

/// For each variant, the lowest and the highest true rate that fit what was seen.
///
/// All of them hold at all times with a chance of at least 1 - `alpha`, if rates do not change.
/// They are for people to look at: [`judge`] needs fewer trials than it takes until they do not
/// overlap. A confidence sequence from the beta-binomial mixture martingale (Robbins 1970).
#[must_use]
pub fn intervals(alpha: f64, tallies: &[Tally]) -> Vec<(f64, f64)> {
    let limit = (count(tallies) / alpha).ln();
    tallies.iter().map(|tally| tally.interval(limit)).collect()
}

impl Tally {
    /// Reviews for each trial, 0 to 1; `None` before the first trial.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        (self.trials > 0).then(|| f64::from(self.successes) / f64::from(self.trials))
    }

    /// The rates against which the evidence, as a logarithm, is below `limit`.
    fn interval(self, limit: f64) -> (f64, f64) {
        let Some(rate) = self.rate() else { return (0.0, 1.0) };
        let successes = f64::from(self.successes);
        let failures = f64::from(self.trials.saturating_sub(self.successes));
        let mixture = ln_beta(RATE_PRIOR + successes, RATE_PRIOR + failures)
            - ln_beta(RATE_PRIOR, RATE_PRIOR);
        let fits = |p: f64| mixture - successes * p.ln() - failures * (1.0 - p).ln() < limit;
        let low = if successes > 0.0 { bound(0.0, rate, fits) } else { 0.0 };
        let high = if failures > 0.0 { bound(1.0, rate, fits) } else { 1.0 };
        (low, high)
    }
}

/// Where `fits` begins to hold on the way from `outside` to `inside`, rounded to the outside.
fn bound(mut outside: f64, mut inside: f64, fits: impl Fn(f64) -> bool) -> f64 {
    // More steps than a double has bits would change nothing.
    for _ in 0..53 {
        let middle = f64::midpoint(outside, inside);
        if fits(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}

fn are_uneven(tallies: &[Tally]) -> bool {
    let trials = || tallies.iter().map(|tally| tally.trials);
    let (Some(most), Some(fewest)) = (trials().max(), trials().min()) else { return false };
    let variants = count(tallies);
    let pairs = variants * (variants - 1.0) / 2.0;
    evidence(most, fewest) >= (pairs / FALSE_UNEVEN).ln()
}

fn winner(alpha: f64, tallies: &[Tally]) -> Option<usize> {
    let (leader, most) =
        tallies.iter().map(|tally| tally.successes).enumerate().max_by_key(|(_, n)| *n)?;
    let enough = ((count(tallies) - 1.0) / alpha).ln();
    let mut others = tallies.iter().enumerate().filter(|(index, _)| *index != leader);
    others.all(|(_, other)| evidence(most, other.successes) >= enough).then_some(leader)
}

/// The logarithm of the evidence that a coin that fell so many times on either side is not fair.
fn evidence(one_side: u32, other_side: u32) -> f64 {
    let (one, other) = (f64::from(one_side), f64::from(other_side));
    ln_beta(COIN_PRIOR + one, COIN_PRIOR + other) - ln_beta(COIN_PRIOR, COIN_PRIOR)
        + (one + other) * LN_2
}

/// The logarithm of the beta function.
fn ln_beta(a: f64, b: f64) -> f64 {
    lgamma(a) + lgamma(b) - lgamma(a + b)
}

#[expect(clippy::cast_precision_loss, reason = "an experiment has a handful of variants")]
fn count(tallies: &[Tally]) -> f64 {
    tallies.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::prelude::*;

    const RULE: Rule = Rule { alpha: 0.05, max_per_variant: 4_000 };

    fn tally(trials: u32, successes: u32) -> Tally {
        Tally { trials, successes }
    }

    #[test]
    fn everybody_keeps_a_variant() {
        // Fixed, because an update must not move people to another variant.
        let people = ["a", "b", "c", "d", "e", "f", "g", "h"];
        assert_eq!(people.map(|who| assign("subject", who, 3)), [0, 0, 0, 0, 2, 2, 2, 1]);
        assert_eq!(assign("subject", "a", 1), 0);
        assert_eq!(assign("subject", "a", 0), 0);
    }

    #[test]
    fn people_are_spread_evenly_and_independently_of_other_experiments() {
        const PEOPLE: u32 = 9_000;
        let mut cells = [0_u32; 9];
        for person in 0..PEOPLE {
            let person = person.to_string();
            cells[assign("subject", &person, 3) * 3 + assign("sender", &person, 3)] += 1;
        }
        let expected = f64::from(PEOPLE) / 9.0;
        let chi_square: f64 =
            cells.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        // Exceeded by chance once in 1,000 names (8 degrees of freedom).
        assert!(chi_square < 26.1, "{chi_square}: {cells:?}");
    }

    #[test]
    fn only_a_clear_lead_over_all_others_wins() {
        assert_eq!(judge(&RULE, &[tally(0, 0); 2]), Verdict::Running);
        assert_eq!(judge(&RULE, &[tally(1_000, 100), tally(1_000, 120)]), Verdict::Running);
        assert_eq!(judge(&RULE, &[tally(1_000, 100), tally(1_000, 160)]), Verdict::Winner(1));
        assert_eq!(judge(&RULE, &[tally(1_000, 160), tally(1_000, 100)]), Verdict::Winner(0));
        let two_ahead = [tally(1_000, 100), tally(1_000, 160), tally(1_000, 150)];
        assert_eq!(judge(&RULE, &two_ahead), Verdict::Running);
    }

    #[test]
    fn the_control_stays_when_all_trials_are_used_up() {
        assert_eq!(judge(&RULE, &[tally(4_000, 400), tally(3_999, 410)]), Verdict::Running);
        assert_eq!(judge(&RULE, &[tally(4_000, 400), tally(4_000, 410)]), Verdict::NoDifference);
        assert_eq!(judge(&RULE, &[tally(4_000, 400), tally(4_000, 600)]), Verdict::Winner(1));
    }

    #[test]
    fn reviews_of_unequal_numbers_of_people_are_not_compared() {
        assert_eq!(judge(&RULE, &[tally(1_000, 100), tally(800, 80)]), Verdict::Uneven);
        assert_eq!(judge(&RULE, &[tally(1_000, 160), tally(950, 95)]), Verdict::Winner(0));
    }

    #[test]
    fn one_variant_has_nothing_to_be_compared_with() {
        assert_eq!(judge(&RULE, &[]), Verdict::Running);
        assert_eq!(judge(&RULE, &[tally(9_000, 900)]), Verdict::Running);
    }

    #[test]
    fn evidence_is_what_small_cases_sum_up_to() {
        // One throw tells nothing; two on the same side: 4 * (20 * 21) / (40 * 41).
        assert!(evidence(1, 0).abs() < 1e-9);
        assert!((evidence(2, 0).exp() - 4.0 * 420.0 / 1_640.0).abs() < 1e-9);
        assert!((evidence(0, 2) - evidence(2, 0)).abs() < 1e-12);
    }

    #[test]
    fn evidence_of_a_fair_coin_is_a_martingale() {
        // The mean over all ways ten throws can fall is what it was before the first.
        let ways = [1.0, 10.0, 45.0, 120.0, 210.0, 252.0, 210.0, 120.0, 45.0, 10.0, 1.0];
        let sum: f64 = (0_u32..=10).zip(ways).map(|(n, w)| w * evidence(n, 10 - n).exp()).sum();
        assert!((sum / 1_024.0 - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn without_trials_every_rate_fits() {
        assert_eq!(intervals(0.05, &[tally(0, 0)]), [(0.0, 1.0)]);
    }

    #[test]
    fn an_interval_ends_where_the_evidence_reaches_the_limit() {
        let [(low, high)] = intervals(0.05, &[tally(1, 0)])[..] else { panic!("one interval") };
        // One failure: the mixture gives it 1/2, so 1 - p fits down to alpha / 2.
        assert!(low.abs() < 1e-12);
        assert!((high - 0.975).abs() < 1e-9, "{high}");
    }

    proptest! {
        #[test]
        fn an_interval_holds_the_observed_rate(seen in tallies(1..1_000_000)) {
            let (low, high) = intervals(0.05, &[seen, seen])[0];
            let rate = seen.rate().unwrap();
            prop_assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0);
        }

        #[test]
        fn ten_times_the_trials_at_the_same_rate_narrow_it(few in tallies(1..100_000)) {
            let many = tally(few.trials * 10, few.successes * 10);
            let [few, many] = [few, many].map(|seen| intervals(0.05, &[seen])[0]);
            prop_assert!(few.0 <= many.0 && many.1 <= few.1);
        }

        #[test]
        fn more_reviews_for_the_winner_or_fewer_for_another_do_not_unseat_it(
            reviews in prop::array::uniform3(0_u32..300),
            more in 0_u32..100,
        ) {
            let tallies = reviews.map(|reviews| tally(1_000, reviews));
            let Verdict::Winner(winner) = judge(&RULE, &tallies) else { return Ok(()) };
            for variant in 0..3 {
                let mut changed = tallies;
                let reviews = &mut changed[variant].successes;
                *reviews =
                    if variant == winner { *reviews + more } else { reviews.saturating_sub(more) };
                prop_assert_eq!(judge(&RULE, &changed), Verdict::Winner(winner));
            }
        }

        #[test]
        fn the_order_of_variants_does_not_matter(a in 0_u32..500, b in 0_u32..500) {
            let [forward, back] = [[a, b], [b, a]]
                .map(|pair| judge(&RULE, &pair.map(|reviews| tally(1_000, reviews))));
            let mirrored = match forward {
                Verdict::Winner(winner) => Verdict::Winner(1 - winner),
                other => other,
            };
            prop_assert_eq!(mirrored, back);
        }
    }

    fn tallies(trials: std::ops::Range<u32>) -> impl Strategy<Value = Tally> {
        trials.prop_flat_map(|trials| (0..=trials).prop_map(move |some| tally(trials, some)))
    }

    /// How an experiment ends that is looked at after every 50 invitations, and at which number of
    /// invitations. `rate` is the true rate of a variant at that number.
    fn simulate(
        rng: &mut Rng,
        rule: &Rule,
        variants: usize,
        rate: impl Fn(usize, u32) -> f64,
    ) -> (Verdict, u32) {
        let mut tallies = vec![Tally::default(); variants];
        for invitation in 1.. {
            let variant = rng.usize(..variants);
            tallies[variant].trials += 1;
            tallies[variant].successes += u32::from(rng.f64() < rate(variant, invitation));
            if invitation % 50 == 0 {
                let verdict = judge(rule, &tallies);
                if verdict != Verdict::Running {
                    return (verdict, invitation);
                }
            }
        }
        unreachable!("an experiment ends");
    }

    /// The ends of `runs` experiments with the same rates all the time.
    fn simulations(runs: usize, rule: &Rule, rates: &[f64]) -> Vec<(Verdict, u32)> {
        let mut rng = Rng::with_seed(1);
        let mut run = || simulate(&mut rng, rule, rates.len(), |variant, _| rates[variant]);
        (0..runs).map(|_| run()).collect()
    }

    fn times(ends: &[(Verdict, u32)], wanted: impl Fn(Verdict) -> bool) -> usize {
        ends.iter().filter(|(verdict, _)| wanted(*verdict)).count()
    }

    #[test]
    fn the_better_variant_is_found_and_never_the_worse() {
        for rates in [&[0.10, 0.15][..], &[0.15, 0.10], &[0.10, 0.10, 0.15], &[0.10, 0.15, 0.10]] {
            let best = rates.iter().position(|&rate| rate > 0.14).unwrap();
            let ends = simulations(100, &RULE, rates);
            let right = times(&ends, |verdict| verdict == Verdict::Winner(best));
            let wrong = times(&ends, |verdict| matches!(verdict, Verdict::Winner(i) if i != best));
            assert!(right >= 95 && wrong == 0, "{rates:?}: {right} right, {wrong} wrong");
        }
    }

    #[test]
    fn looking_often_names_no_winner_among_equals() {
        // Seen: 18 of 1,000 with two variants, none with three.
        let rule = Rule { max_per_variant: 2_000, ..RULE };
        for rates in [&[0.10; 2][..], &[0.10; 3]] {
            let ends = simulations(1_000, &rule, rates);
            let named = times(&ends, |verdict| matches!(verdict, Verdict::Winner(_)));
            let uneven = times(&ends, |verdict| verdict == Verdict::Uneven);
            assert!(named <= 50, "{named} of 1,000");
            assert!(uneven <= 5, "{uneven} of 1,000");
        }
    }

    #[test]
    fn rates_that_move_together_mislead_no_more() {
        // Seen: 15 of 1,000.
        let rule = Rule { max_per_variant: 2_000, ..RULE };
        let season = |_, invitation: u32| if invitation % 1_000 < 200 { 0.30 } else { 0.05 };
        let mut rng = Rng::with_seed(1);
        let ends: Vec<_> = (0..1_000).map(|_| simulate(&mut rng, &rule, 2, season)).collect();
        let named = times(&ends, |verdict| matches!(verdict, Verdict::Winner(_)));
        assert!(named <= 50, "{named} of 1,000");
    }

    #[test]
    fn it_takes_as_long_as_the_table_says() {
        let rule = Rule { max_per_variant: 20_000, ..RULE };
        let table: [(&[f64], u32, u32); 6] = [
            (&[0.05, 0.08], 1_250, 2_450),
            (&[0.10, 0.12], 4_100, 9_700),
            (&[0.10, 0.15], 850, 1_700),
            (&[0.10, 0.20], 275, 500),
            (&[0.20, 0.25], 1_400, 3_200),
            (&[0.10, 0.10, 0.15], 1_200, 2_200),
        ];
        for (rates, half, nine_of_ten) in table {
            let variants = u32::try_from(rates.len()).unwrap();
            let ends = simulations(400, &rule, rates);
            let mut taken: Vec<_> = ends.iter().map(|(_, taken)| taken / variants).collect();
            taken.sort_unstable();
            for (said, seen) in [(half, taken[200]), (nine_of_ten, taken[360])] {
                let near = seen * 9 / 10..=seen * 11 / 10;
                assert!(near.contains(&said), "{rates:?}: {seen}, not {said}");
            }
        }
    }
}
