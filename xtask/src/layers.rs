//! Who may depend on whom: the architecture as a rule that fails.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::shell::{output, say};

/// Our crates from the bottom up. A crate depends on crates of lower layers only.
const LAYERS: [&[&str]; 6] = [
    &["failpoint", "trust"],
    &["domain"],
    &["adapter-api", "bounce", "config", "templates"],
    &["adapters", "fetch", "inbox", "mail", "queue", "store"],
    &["receiver", "worker"],
    &["afs"],
];

/// Crates that stay where they belong: what they speak to has one home.
const HOMES: [(&str, &[&str]); 10] = [
    ("sqlx", &["store"]),
    ("lettre", &["mail"]),
    ("async-imap", &["inbox"]),
    ("axum", &["receiver", "afs"]),
    ("apalis", &["queue"]),
    ("apalis-core", &["queue"]),
    ("redis", &["queue"]),
    ("reqwest", &["fetch", "afs"]),
    ("hickory-resolver", &["afs"]),
    ("tokio", &["inbox", "mail", "queue", "store", "receiver", "worker", "afs"]),
];

/// Fails if a dependency points upwards or sideways, or leaves its home.
pub(crate) fn check() -> anyhow::Result<()> {
    let metadata: Value =
        serde_json::from_str(&output("cargo", &["metadata", "--format-version=1", "--no-deps"])?)?;
    let dependencies = dependencies(&metadata)?;
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut faults = BTreeSet::new();
    for (name, uses) in &dependencies {
        let Some(own) = layer(name) else {
            if !matches!(name.as_str(), "tests" | "bench" | "faults" | "simulation" | "xtask") {
                faults.insert(format!("{name} has no layer: give it one in xtask/src/layers.rs"));
            }
            continue;
        };
        for used in uses {
            if layer(used).is_some_and(|other| other >= own) {
                faults.insert(format!(
                    "{name} must not depend on {used}: it is not in a lower layer"
                ));
            }
            let home = HOMES.iter().find(|(guest, _)| guest == used);
            if home.is_some_and(|(_, homes)| !homes.contains(&name.as_str())) {
                faults.insert(format!("{name} must not depend on {used}: it has another home"));
            }
        }
    }
    if faults.is_empty() {
        say(&format!("layers: {} crates depend downwards only", dependencies.len()));
        Ok(())
    } else {
        bail!("{}", faults.into_iter().collect::<Vec<_>>().join("\n"))
    }
}

/// What each of our crates needs to run; what only its tests need does not count.
fn dependencies(metadata: &Value) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| {
            let uses = package["dependencies"].as_array().into_iter().flatten();
            let uses = uses.filter(|dependency| dependency["kind"] != "dev").map(name).collect();
            (name(package), uses)
        })
        .collect())
}
