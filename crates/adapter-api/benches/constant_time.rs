//! Does the time of a refusal tell how close a forged signature came?
//!
//! In the manner of dudect (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?"): two
//! kinds of input, in random order, and Welch's t-test on the times, over all of them and with the
//! slowest cropped, since what slows a machine down is not the input. Below 4.5 nothing is seen;
//! above 10 there is a leak. A comparison that stops early shows that a leak would be seen.
//!
//! `cargo bench -p adapter-api`; times belong to a quiet machine, so this is no test.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for people; counts stay far below 2^52"
)]

use std::{hint::black_box, process::ExitCode, time::Instant};

use adapter_api::{Encoding, KeyForm, Request, Scheme, Signature};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    InvitationId,
    token::{Purpose, TokenKeys},
};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

/// How many times each pair is measured.
const SAMPLES: usize = 1_000_000;

/// Above this there is a leak beyond doubt: the largest of many values is above 4.5 now and then.
const THRESHOLD: f64 = 10.0;

const SHOPIFY: Scheme = Scheme::WholeBody(Signature::HmacSha256 {
    headers: &["x-shopify-hmac-sha256"],
    encoding: Encoding::Base64,
    key: KeyForm::Raw,
});
const STANDARD_WEBHOOKS: Scheme =
    Scheme::WholeBody(Signature::StandardWebhooks { key: KeyForm::StandardWebhooks });
const SECRET: &str = "the secret of the shop, of a usual length";
const STANDARD_SECRET: &str = "whsec_QUZTLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE=";

fn main() -> ExitCode {
    let control = measure(|kind| {
        let mut forged = [7; 32];
        forged[if kind { 31 } else { 0 }] ^= 1;
        move || black_box(stops_early(black_box(&forged), black_box(&[7; 32])))
    });
    println!("a comparison that stops early              |t| = {control:8.2} (a leak is seen)");
    let mut leaks = usize::from(control < THRESHOLD);
    for (what, t) in [
        (
            "HMAC in one header: first or last byte",
            measure(forged(SHOPIFY, SECRET, &FIRST_OR_LAST)),
        ),
        (
            "HMAC in one header: almost or not at all",
            measure(forged(SHOPIFY, SECRET, &ALMOST_OR_NOT_AT_ALL)),
        ),
        (
            "Standard Webhooks: first or last byte",
            measure(forged(STANDARD_WEBHOOKS, STANDARD_SECRET, &FIRST_OR_LAST)),
        ),
        (
            "Standard Webhooks: almost or not at all",
            measure(forged(STANDARD_WEBHOOKS, STANDARD_SECRET, &ALMOST_OR_NOT_AT_ALL)),
        ),
        ("which of two secrets matches", measure(one_of_two_secrets())),
        ("link: first or last byte of the MAC", measure(links())),
    ] {
        println!("{what:42} |t| = {t:8.2}");
        leaks += usize::from(t > THRESHOLD);
    }
    let (unsigned, wrong) = unsigned_and_wrong();
    println!("1 MiB without a signature {unsigned:.0} µs, with a wrong one {wrong:.0} µs");
    if leaks == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes a request of either kind, which the scheme refuses.
fn forged(
    scheme: Scheme<'static>,
    secret: &'static str,
    flaws: &'static Flaws,
) -> impl FnMut(bool) -> Box<dyn FnOnce() -> bool> {
    let at = Timestamp::UNIX_EPOCH;
    let name = scheme.signature_headers().swap_remove(0);
    let mut random = Random(11);
    move |kind| {
        let body = some_body(&mut random);
        let mut headers = scheme.sign(secret, &body, "delivery", at);
        let genuine = headers[&name].to_str().unwrap();
        let mac_at = genuine.find(',').map_or(0, |comma| comma + 1);
        let (version, mac) = genuine.split_at(mac_at);
        let flaw = black_box(&flaws[usize::from(kind)]);
        let mac = STANDARD.decode(mac).unwrap();
        let mac: Vec<u8> = mac.iter().zip(flaw).map(|(byte, wrong)| byte ^ wrong).collect();
        let value = format!("{version}{}", STANDARD.encode(mac));
        headers.insert(&name, HeaderValue::from_str(&value).unwrap());
        Box::new(move || {
            let request =
                Request { headers: &headers, body: &body, received_at: at, address_secret: None };
            scheme.verify(black_box(request), &[secret]).is_ok()
        })
    }
}

/// Another one each time, and so is its MAC: else the kinds would be two texts, and what is read
/// from different texts takes different times, whatever the secret.
fn some_body(random: &mut Random) -> Vec<u8> {
    format!(r#"{{"id":{:020},"email":"buyer@example.com"}}"#, random.next()).into_bytes()
}

/// For each kind the bits that are wrong in its MAC. Data, not branches: processors remember
/// branches, and what comes after them is quicker or slower for it.
type Flaws = [[u8; 32]; 2];

const FIRST_OR_LAST: Flaws = [flaw(0, 1), flaw(31, 32)];
const ALMOST_OR_NOT_AT_ALL: Flaws = [flaw(31, 32), flaw(0, 32)];

const fn flaw(from: usize, to: usize) -> [u8; 32] {
    let mut bits = [0; 32];
    let mut at = from;
    while at < to {
        bits[at] = 0x5a;
        at += 1;
    }
    bits
}

fn one_of_two_secrets() -> impl FnMut(bool) -> Box<dyn FnOnce() -> bool> {
    const SECRETS: [&str; 2] = [SECRET, "the other secret of the shop, as long as it"];
    let at = Timestamp::UNIX_EPOCH;
    let mut random = Random(13);
    move |second| {
        let body = some_body(&mut random);
        let headers = SHOPIFY.sign(SECRETS[usize::from(second)], &body, "", at);
        Box::new(move || {
            let request =
                Request { headers: &headers, body: &body, received_at: at, address_secret: None };
            SHOPIFY.verify(black_box(request), &SECRETS).is_ok()
        })
    }
}

fn links() -> impl FnMut(bool) -> Box<dyn FnOnce() -> bool> {
    // `A` and `Q` differ in one bit of the MAC, at either end.
    const MAC_AT: usize = 24;
    let keys: &TokenKeys = Box::leak(Box::new(TokenKeys::new(vec![vec![7; 32]]).unwrap()));
    let id = InvitationId("0190a5e8-7c1d-7abc-8def-0123456789ab".parse().unwrap());
    let genuine = keys.token(Purpose::Review, id);
    let forged = [MAC_AT, genuine.len() - 2].map(|at| {
        let mut token = genuine.clone();
        let other = if &token[at..=at] == "A" { "Q" } else { "A" };
        token.replace_range(at..=at, other);
        token
    });
    move |last| {
        // A copy as a whole: a byte that was just written would be read more slowly than others.
        let token = forged[usize::from(last)].clone();
        Box::new(move || keys.open(Purpose::Review, black_box(&token)).is_some())
    }
}

fn stops_early(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).all(|(a, b)| black_box(*a) == black_box(*b))
}

/// The largest |t| between the times of the two kinds.
fn measure<F: FnOnce() -> bool>(mut prepare: impl FnMut(bool) -> F) -> f64 {
    let mut random = Random(7);
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..SAMPLES {
        let kind = random.next() & 1 == 1;
        let work = prepare(kind);
        let began = Instant::now();
        black_box(work());
        times[usize::from(kind)].push(began.elapsed().as_nanos() as f64);
    }
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    [100, 99, 95, 90, 75, 50]
        .map(|percent| {
            let most = all[(all.len() - 1) * percent / 100];
            let cropped = times.each_ref().map(|times| {
                times.iter().copied().filter(|time| *time <= most).collect::<Vec<f64>>()
            });
            welch(&cropped[0], &cropped[1]).abs()
        })
        .into_iter()
        .fold(0.0, f64::max)
}

/// Welch's t.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |times: &[f64]| {
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean_a, spread_a), (mean_b, spread_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (spread_a + spread_b).sqrt()
}

/// Median times, in microseconds, of refusing a large body that has no signature and one that has.
fn unsigned_and_wrong() -> (f64, f64) {
    let body = vec![b' '; 1 << 20];
    let at = Timestamp::UNIX_EPOCH;
    let kinds = [HeaderMap::new(), SHOPIFY.sign("another secret", &body, "", at)];
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    // In turn: what slows the machine down for a while slows both.
    for kind in [0, 1].into_iter().cycle().take(1_000) {
        let request =
            Request { headers: &kinds[kind], body: &body, received_at: at, address_secret: None };
        let began = Instant::now();
        black_box(SHOPIFY.verify(black_box(request), &[SECRET]).is_ok());
        times[kind].push(began.elapsed().as_secs_f64() * 1e6);
    }
    let [unsigned, wrong] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    (unsigned, wrong)
}

/// `SplitMix64`: the order of the kinds only has to have no pattern.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
