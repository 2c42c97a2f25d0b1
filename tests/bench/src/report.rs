//! Medians, ratios, and how they are shown.

use std::{collections::BTreeMap, process::Command};

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

use crate::{
    lab::{Lab, repository},
    scenario::{Goal, Measured, Outcome, Round, Sample},
};

/// What all scenarios showed.
pub(crate) type Results = Vec<Outcome>;

/// Everything that is worth telling.
pub(crate) struct Report {
    /// Machine, versions, commit and command, in the order in which they are shown.
    facts: Vec<(&'static str, String)>,
    results: Results,
    skipped: Vec<String>,
}

impl Report {
    /// The results, and what they depend on.
    pub(crate) fn new(lab: &Lab, results: Results) -> Self {
        Self { facts: facts(), results, skipped: lab.skipped() }
    }

    /// For people in a terminal.
    pub(crate) fn tables(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for outcome in &self.results {
            parts.push(format!(
                "{}\n{}",
                outcome.name,
                figures(outcome, presets::UTF8_FULL_CONDENSED)
            ));
        }
        parts.push(goals(&self.results, presets::UTF8_FULL_CONDENSED).to_string());
        parts.extend(self.skipped.iter().map(|line| format!("not measured: {line}")));
        parts.join("\n\n")
    }

    /// One object: goals, medians, and the figures of every round.
    pub(crate) fn json(&self) -> String {
        let goals: Map<String, Value> = self
            .results
            .iter()
            .flat_map(|outcome| outcome.goals.iter().map(move |goal| (outcome, goal)))
            .map(|(outcome, goal)| {
                let value = json!({ "ratio": ratio(outcome, goal), "goal": goal.must_reach });
                (goal.key.to_owned(), value)
            })
            .collect();
        let scenarios: Map<String, Value> = self
            .results
            .iter()
            .map(|outcome| {
                let contestants = outcome.contestants.iter().map(|measured| {
                    let rounds = measured.rounds.iter().flatten().map(as_json);
                    let rounds = rounds.collect::<Vec<_>>();
                    let value = json!({ "median": as_json(&median(measured)), "rounds": rounds });
                    (measured.name.clone(), value)
                });
                (outcome.name.to_owned(), Value::Object(contestants.collect()))
            })
            .collect();
        let facts: BTreeMap<_, _> = self.facts.iter().cloned().collect();
        let report = json!({
            "goals": goals, "scenarios": scenarios, "facts": facts, "not_measured": self.skipped,
        });
        format!("{report:#}")
    }

    /// Writes `docs/benchmarks.md`.
    pub(crate) fn write_docs(&self) -> anyhow::Result<()> {
        let facts = self.facts.iter().map(|(fact, value)| format!("- {fact}: {value}\n"));
        let mut page = format!(
            "# Benchmarks\n\nWritten by `cargo xtask bench --write-docs`; do not edit.\n\n\
             Figures of one machine say little about another. The ratios do: what they compare was \
             measured in turn, round by round, in the same minutes. Each figure is the median of the \
             rounds, each ratio the median of its ratios within the rounds. CPU figures are \
             processor time per item, in user and kernel mode.\n\n{}\n## Goals\n\n{}\n",
            facts.collect::<String>(),
            goals(&self.results, presets::ASCII_MARKDOWN),
        );
        page += &missed(&self.results);
        for outcome in &self.results {
            let table = figures(outcome, presets::ASCII_MARKDOWN);
            page.extend([format!("\n## {}\n\n{}\n\n{table}\n", outcome.name, outcome.about)]);
        }
        if !self.skipped.is_empty() {
            page += "\n## Not measured\n\n";
            page.extend(self.skipped.iter().map(|line| format!("- {line}\n")));
        }
        Ok(fs_err::write(repository()?.join("docs/benchmarks.md"), page)?)
    }
}

/// One row for each contestant.
fn figures(outcome: &Outcome, preset: &str) -> Table {
    let medians: Vec<(&str, Sample)> = outcome
        .contestants
        .iter()
        .map(|measured| (measured.name.as_str(), median(measured)))
        .collect();
    let mut names: Vec<&'static str> = Vec::new();
    for figure in medians.iter().flat_map(|(_, sample)| sample.figures()) {
        if !names.contains(&figure) {
            names.push(figure);
        }
    }
    let mut table = Table::new();
    table.load_preset(preset);
    table.set_header(
        [String::new()].into_iter().chain(names.iter().map(|name| name.replace('_', " "))),
    );
    for (contestant, sample) in
        medians.iter().filter(|(_, sample)| sample.figures().next().is_some())
    {
        let cells = names.iter().map(|name| sample.get(name).map_or_else(String::new, readable));
        table.add_row([(*contestant).to_owned()].into_iter().chain(cells));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn goals(results: &[Outcome], preset: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(preset);
    table.set_header(["goal", "must reach", "ratio", ""]);
    for outcome in results {
        for goal in &outcome.goals {
            let ratio = ratio(outcome, goal);
            let verdict = match ratio {
                Some(ratio) if ratio >= goal.must_reach => "reached",
                Some(_) => "missed",
                None => "not measured",
            };
            let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            table.add_row([
                goal.claim.to_owned(),
                goal.must_reach.to_string(),
                ratio,
                verdict.to_owned(),
            ]);
        }
    }
    table
}

/// What holds back the goals that were missed, as far as profiles tell.
fn missed(results: &[Outcome]) -> String {
    let goals =
        results.iter().flat_map(|outcome| outcome.goals.iter().map(move |goal| (outcome, goal)));
    let lines: String = goals
        .filter(|(outcome, goal)| ratio(outcome, goal).is_some_and(|ratio| ratio < goal.must_reach))
        .filter_map(|(_, goal)| Some(format!("- {}. {}\n", goal.claim, goal.profile?)))
        .collect();
    if lines.is_empty() { lines } else { format!("\n## Why some are missed\n\n{lines}") }
}

/// The median of a goal's ratio within each round.
fn ratio(outcome: &Outcome, goal: &Goal) -> Option<f64> {
    let turns = outcome.contestants.iter().map(|measured| measured.rounds.len()).max().unwrap_or(0);
    let ratios = (0..turns).filter_map(|turn| {
        let round = outcome.contestants.iter().filter_map(|measured| {
            Some((measured.name.as_str(), measured.rounds.get(turn)?.as_ref()?))
        });
        (goal.ratio)(&Round(round.collect()))
    });
    middle(ratios.collect())
}

/// The median of each figure.
fn median(measured: &Measured) -> Sample {
    let rounds: Vec<&Sample> = measured.rounds.iter().flatten().collect();
    let Some(first) = rounds.first() else { return Sample::default() };
    first.figures().fold(Sample::default(), |sample, figure| {
        let values = rounds.iter().filter_map(|round| round.get(figure)).collect();
        match middle(values) {
            Some(value) => sample.with(figure, value),
            None => sample,
        }
    })
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let above = *values.get(half)?;
    Some(if values.len() % 2 == 1 { above } else { f64::midpoint(values[half - 1], above) })
}

fn as_json(sample: &Sample) -> Value {
    let figures = sample.figures().map(|figure| (figure.to_owned(), json!(sample.get(figure))));
    Value::Object(figures.collect())
}

/// Three digits that count, no more.
fn readable(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => {
            let digits = format!("{value:.0}");
            let mut grouped = String::new();
            for (at, digit) in digits.char_indices() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            grouped
        }
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn facts() -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    fact("date", line("date", &["-u", "+%F %H:%M UTC"]));
    fact("commit", commit());
    let arguments = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    fact("command", Some(format!("`cargo xtask bench {arguments}`")));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let model = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        model.lines().find_map(|line| line.strip_prefix("model name\t: ").map(str::to_owned));
    fact("processor", Some(format!("{cores} × {}", model.unwrap_or_default())));
    fact("kernel", line("uname", &["-sr"]));
    let temporary = std::env::temp_dir();
    let kind = line("stat", &["-f", "-c", "%T", &temporary.display().to_string()]);
    fact("file system of all data", kind);
    fact("rustc", line("rustc", &["--version"]));
    fact("Redis", line("redis-server", &["--version"]));
    fact("node", line("node", &["--version"]));
    fact("Python", line("python3", &["--version"]));
    fact("Go", line("go", &["version"]));
    fact("Ruby", line("ruby", &["--version"]));
    facts
}

fn commit() -> Option<String> {
    let commit = line("git", &["rev-parse", "--short", "HEAD"])?;
    let changed = line("git", &["status", "--porcelain", "--untracked-files=no"]);
    Some(if changed.is_some() { format!("{commit}, with changes") } else { commit })
}

/// The first line that a program prints, if it is there.
fn line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(str::to_owned).filter(|_| output.status.success())
}
