//! `cargo run -p simulation --release -- --seeds 100000`
#![expect(clippy::print_stdout, reason = "a program for developers")]
fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().unwrap().parse().unwrap();
    let n: u64 = args.next().unwrap().parse().unwrap();
    let bug = args.next().map(|b| simulation::Bug::parse(&b).unwrap());
    let t = std::time::Instant::now();
    let mut fails = std::collections::BTreeMap::<String, (u64, u64)>::new();
    let mut total = 0;
    let mut last = None; let (mut claims, mut mails, mut revs)=(0,0,0); let mut hist=vec![]; let mut kills=std::collections::BTreeMap::<&str,u64>::new();
    for s in from..from + n {
        match simulation::run(s, bug) {
            Ok(t) => { total += t.steps; claims+=t.claims; mails+=t.mails; hist.push(t.steps); revs += t.reviews; for (k,v) in &t.kills {*kills.entry(*k).or_insert(0)+=v} }
            Err(f) => {
                fails.entry(format!("{} / {}", f.invariant, f.what)).or_insert((s, 0)).1 += 1;
                if last.is_none() { last = Some(f) }
            }
        }
    }
    let e = t.elapsed().as_secs_f64();
    println!("{n} seeds, {:.0}/s, steps/seed {}", n as f64 / e, total / n);
    hist.sort(); println!("claims {:.1} mails {:.2} reviews {:.2} steps p10 {} p50 {} p90 {} p99 {} max {}", claims as f64/n as f64, mails as f64/n as f64, revs as f64/n as f64, hist[hist.len()/10], hist[hist.len()/2], hist[hist.len()*9/10], hist[hist.len()*99/100], hist.last().unwrap()); println!("{kills:?}");
    for (k, v) in fails { println!("{k}: first {} count {}", v.0, v.1) }
    if let Some(f) = last { println!("{f}") }
}
