//! `afs mail preview`: everything there is to read, as files.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use config::Config;
use fs_err as fs;
use minijinja::{
    Environment, context,
    value::{Serde, Value},
};
use templates::{Preview, Templates};

use crate::{commands::say, services::load_templates};

/// The sample that says most; the others try the limits.
const ORDINARY: &str = "normal";

#[derive(Args)]
pub(crate) struct PreviewArgs {
    /// The folder to write into; it is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Try the limits, too: long names, no products, hostile text, words that run right to left …
    #[arg(long)]
    all: bool,
    /// Only this language; may be given again [default: every language]
    #[arg(long = "language", value_name = "TAG")]
    languages: Vec<String>,
}

pub(crate) fn preview(args: &PreviewArgs, config: &Config) -> anyhow::Result<()> {
    let templates = load_templates(config)?;
    for tag in &args.languages {
        ensure!(
            templates.languages().any(|language| language.tag() == tag),
            "there is no language `{tag}`, but {}",
            tags(&templates)
        );
    }
    let mut previews = templates.previews()?;
    previews.retain(|preview| args.wants(preview));
    for Preview { path, content } in &previews {
        let path = args.out.join(path);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, content)?;
    }
    let index = args.out.join("index.html");
    fs::write(&index, index_page(&previews)?)?;
    say(format_args!("{} files; begin with {}", previews.len(), index.display()));
    Ok(())
}

impl PreviewArgs {
    fn wants(&self, preview: &Preview) -> bool {
        let Some((language, sample, _)) = place(preview) else { return true };
        (self.languages.is_empty() || self.languages.iter().any(|tag| tag == language))
            && (self.all || sample == ORDINARY)
    }
}

fn tags(templates: &Templates) -> String {
    templates.languages().map(templates::Language::tag).collect::<Vec<_>>().join(", ")
}

/// The language, the sample and the name of a mail or page; nothing for an asset.
fn place(preview: &Preview) -> Option<(&str, &str, &str)> {
    let (language, rest) = preview.path.split_once('/')?;
    let (sample, name) = rest.split_once('/')?;
    Some((language, sample, name))
}

/// A page that leads to all others.
fn index_page(previews: &[Preview]) -> anyhow::Result<String> {
    let mut languages: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for (language, sample, name) in previews.iter().filter_map(place) {
        languages.entry(language).or_default().entry(sample).or_default().push(name);
    }
    let mut environment = Environment::new();
    environment.add_template("index.html", include_str!("index.html"))?;
    Ok(environment
        .get_template("index.html")?
        .render(context! { languages => Value::from(Serde(&languages)) })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(path: &str) -> Preview {
        Preview { path: path.to_owned(), content: vec![] }
    }

    #[test]
    fn the_index_leads_to_every_mail_and_page() {
        let previews = ["assets/style.css", "sv/normal/invitation.html", "sv/normal/thanks.html"];
        let index = index_page(&previews.map(preview)).unwrap();
        for link in ["\"sv/normal/invitation.html\"", "\"sv/normal/thanks.html\""] {
            assert!(index.contains(link), "{index}");
        }
        assert!(!index.contains("style.css"));
    }

    #[test]
    fn only_what_was_asked_for_is_written() {
        let args =
            PreviewArgs { out: PathBuf::new(), all: false, languages: vec!["sv".to_owned()] };
        for (path, wanted) in [
            ("assets/style.css", true),
            ("sv/normal/thanks.html", true),
            ("sv/hostile/thanks.html", false),
            ("de/normal/thanks.html", false),
        ] {
            assert_eq!(args.wants(&preview(path)), wanted, "{path}");
        }
    }
}
