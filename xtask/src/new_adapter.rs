//! The beginning of an adapter: what every one has, and where it goes.

use std::path::Path;

use anyhow::{Context as _, ensure};
use fs_err as fs;

use crate::shell::{self, say};

/// A test of the crate compiles it, so that a new adapter compiles, too.
const SKELETON: &str = include_str!("../../crates/adapters/tests/skeleton/adapter.rs");

const LIST: &str = "crates/adapters/src/lib.rs";

/// The conformance tests read it, and fail with what it says.
const FIXTURE: &str = r#"{
  "note": "What is special about this request.",
  "secret": "made-up",
  "received_at": "2026-07-01T10:00:00Z",
  "headers": "TO BE WRITTEN: a request for a completed order, signed, as CONTRIBUTING.md says",
  "body": ""
}
"#;

/// Writes the skeleton, the word in the list, the first fixture and the page of adapter `name`.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let code = format!("crates/adapters/src/{name}.rs");
    let fixtures = format!("tests/fixtures/adapters/{name}");
    check_name(name)?;
    for path in [&code, &fixtures] {
        ensure!(!root.join(path).exists(), "`{name}` is taken: there is {path}");
    }
    let list = with_word(&fs::read_to_string(root.join(LIST))?, name)?;
    fs::write(root.join(&code), skeleton(name))?;
    fs::create_dir_all(root.join(&fixtures))?;
    fs::write(root.join(&fixtures).join("order_completed.json"), FIXTURE)?;
    fs::write(root.join(LIST), list)?;
    // This program does not know the new adapter; the one that is built now does.
    shell::run("cargo", &["xtask", "adapter-pages"])?;
    say(&format!(
        "Next, as CONTRIBUTING.md says: the facts in {code}, requests in {fixtures}, the set-up in \
         docs/adapters/{name}.md.\n`cargo test -p adapters {name}` and `cargo xtask check` say what \
         is missing."
    ));
    Ok(())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    ensure!(
        begins_well && name.split('_').all(is_word),
        "`{name}` cannot be an adapter's id: write it in snake_case, such as `lemon_squeezy`"
    );
    ensure!(adapters::find(name).is_none(), "`{name}` is taken: there is such an adapter");
    Ok(())
}

/// The list of adapters with `name` in its place in the alphabet.
fn with_word(list: &str, name: &str) -> anyhow::Result<String> {
    let (before, rest) = list
        .split_once("adapters! {\n")
        .with_context(|| format!("{LIST} has no list of adapters"))?;
    let (words, after) =
        rest.split_once('}').with_context(|| format!("the list in {LIST} does not end"))?;
    let mut words: Vec<&str> = words.split(',').map(str::trim).filter(|w| !w.is_empty()).collect();
    words.push(name);
    words.sort_unstable();
    Ok(format!("{before}adapters! {{\n    {},\n}}{after}", words.join(",\n    ")))
}

fn skeleton(name: &str) -> String {
    SKELETON.replace("skeleton", name).replace("Skeleton", &title(name))
}

/// `lemon_squeezy` as Lemon Squeezy.
fn title(name: &str) -> String {
    let capital = |word: &str| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..]);
    name.split('_').map(capital).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_snake_case_that_are_free_are_taken() {
        for name in ["gambio", "big_commerce", "shopware5"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "_", "Ecwid", "big-commerce", "5shop", "a__b", "a_", "../x", "ö"] {
            assert!(check_name(name).unwrap_err().to_string().contains("snake_case"), "{name}");
        }
        assert!(check_name("shopify").unwrap_err().to_string().contains("is taken"));
    }

    #[test]
    fn a_word_finds_its_place_in_the_list_and_nothing_else_changes() {
        let list = "//! One.\n\nadapter_api::adapters! {\n    a,\n    c,\n}\n\nfn x() {}\n";
        let longer =
            "//! One.\n\nadapter_api::adapters! {\n    a,\n    b,\n    c,\n}\n\nfn x() {}\n";
        assert_eq!(with_word(list, "b").unwrap(), longer);
        assert!(with_word("no list", "b").is_err());
    }

    #[test]
    fn the_skeleton_takes_the_name() {
        let code = skeleton("big_commerce");
        assert!(
            code.contains(r#"id: "big_commerce""#) && code.contains(r#"title: "Big Commerce""#)
        );
        assert!(!code.to_lowercase().contains("skeleton"));
    }
}
