//! The built-in files, and the operator's over them.

use std::{borrow::Cow, collections::BTreeMap, io, path::Path};

use crate::{
    mjml::{self, Converted},
    problem::{Findings, Problem, line_at},
};

#[derive(rust_embed::Embed)]
#[folder = "files"]
struct BuiltIn;

/// One file.
pub(crate) struct File {
    pub(crate) bytes: Cow<'static, [u8]>,
    /// What to call it when something is wrong with it.
    pub(crate) shown_as: String,
    /// Where it was made of MJML: what was made.
    converted: Option<Converted>,
}

/// All files, by name: the path inside the folder, with `/`. `X.mjml` is `X.html`, written in MJML,
/// and goes by that name.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) built_in: BTreeMap<String, File>,
    pub(crate) overrides: BTreeMap<String, File>,
}

impl Files {
    pub(crate) fn collect(overrides: Option<&Path>, findings: &mut Findings) -> Self {
        let mut files = Self::default();
        for name in BuiltIn::iter() {
            let Some(file) = BuiltIn::get(&name) else { continue };
            let shown_as = format!("built-in {name}");
            files.built_in.insert(name.into_owned(), File::new(file.data, shown_as));
        }
        if let Some(folder) = overrides
            && let Err(error) = read_folder(folder, "", &mut files.overrides)
        {
            findings.problem(Problem::new(folder.display().to_string(), None, error.to_string()));
        }
        convert_mjml(&mut files.built_in, findings);
        convert_mjml(&mut files.overrides, findings);
        files.overrides.retain(|name, file| {
            let known = is_template(name) || is_asset(name) || language_tag(name).is_some();
            if !known {
                findings.warn(Problem::new(
                    &file.shown_as,
                    None,
                    "nothing uses a file of this name",
                ));
            }
            known
        });
        files
    }

    /// The file of this name: the operator's, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<&File> {
        self.overrides.get(name).or_else(|| self.built_in.get(name))
    }

    /// Every name once, for which `filter` holds.
    pub(crate) fn names(&self, filter: fn(&str) -> bool) -> Vec<&str> {
        let added = self.overrides.keys().filter(|name| !self.built_in.contains_key(*name));
        self.built_in.keys().chain(added).map(String::as_str).filter(|name| filter(name)).collect()
    }

    /// What to call the file of this name when something is wrong with it.
    pub(crate) fn shown_as(&self, name: &str) -> String {
        self.get(name).map_or_else(|| name.to_owned(), |file| file.shown_as.clone())
    }

    /// `problem`, found in a template or its text, where the operator finds it.
    pub(crate) fn placed(&self, problem: Problem) -> Problem {
        match self.get(&problem.file) {
            Some(file) => file.placed(problem),
            None => problem,
        }
    }
}

/// Puts HTML in the place of MJML. Broken MJML is taken out, so that what is built in stands in for
/// it, and one mistake does not hide the others.
fn convert_mjml(files: &mut BTreeMap<String, File>, findings: &mut Findings) {
    let names: Vec<String> = files
        .keys()
        .filter(|name| is_template_source(name) && ends(name, "mjml"))
        .cloned()
        .collect();
    for name in names {
        let Some(mut file) = files.remove(&name) else { continue };
        match file.text().map(mjml::convert) {
            Ok(Ok(converted)) => file.converted = Some(converted),
            Ok(Err((line, message))) => {
                findings.problem(Problem::new(&file.shown_as, line, message));
                continue;
            }
            Err(problem) => {
                findings.problem(problem);
                continue;
            }
        }
        let html = format!("{}html", name.trim_end_matches("mjml"));
        if let Some(unused) = files.insert(html, file) {
            let message = "the .mjml file beside it is used instead";
            findings.warn(Problem::new(unused.shown_as, None, message));
        }
    }
}

impl File {
    fn new(bytes: Cow<'static, [u8]>, shown_as: String) -> Self {
        Self { bytes, shown_as, converted: None }
    }

    /// The source of the template or texts, or what is wrong with it.
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        if let Some(converted) = &self.converted {
            return Ok(&converted.html);
        }
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let line = line_at(&self.bytes, error.valid_up_to());
            Problem::new(&self.shown_as, Some(line), "not UTF-8 text")
        })
    }

    /// `problem`, found in the [`text`](Self::text) of this file, where the operator finds it.
    pub(crate) fn placed(&self, problem: Problem) -> Problem {
        let line = match &self.converted {
            Some(converted) => problem.line.and_then(|line| converted.source_line(line)),
            None => problem.line,
        };
        Problem { file: self.shown_as.clone(), line, ..problem }
    }
}

/// `true` for the name of a template.
pub(crate) fn is_template(name: &str) -> bool {
    is_template_source(name) && (is_html(name) || ends(name, "txt"))
}

fn is_template_source(name: &str) -> bool {
    name.starts_with("mail/") || name.starts_with("pages/")
}

/// `true` for the name of a template that makes HTML.
pub(crate) fn is_html(name: &str) -> bool {
    ends(name, "html")
}

fn ends(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == ending)
}

/// `true` for the name of a file that is served as it is.
pub(crate) fn is_asset(name: &str) -> bool {
    name.strip_prefix("assets/").is_some_and(|name| !name.contains('/') && name.contains('.'))
}

/// The language that a file of this name holds the texts of.
pub(crate) fn language_tag(name: &str) -> Option<&str> {
    name.strip_prefix("locales/")?.strip_suffix(".ftl")
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, File>) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // What editors and version control leave behind.
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            read_folder(&path, &format!("{name}/"), files)?;
        } else {
            let bytes = fs_err::read(&path)?.into();
            files.insert(name, File::new(bytes, path.display().to_string()));
        }
    }
    Ok(())
}
