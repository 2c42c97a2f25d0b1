//! The built-in files, and the operator's over them.

use std::{borrow::Cow, collections::BTreeMap, io, path::Path};

use crate::problem::{Findings, Problem};

#[derive(rust_embed::Embed)]
#[folder = "files"]
struct BuiltIn;

/// One file.
pub(crate) struct File {
    pub(crate) bytes: Cow<'static, [u8]>,
    /// What to call it when something is wrong with it.
    pub(crate) shown_as: String,
}

/// All files, by name: the path inside the folder, with `/`.
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
            files.built_in.insert(name.into_owned(), File { bytes: file.data, shown_as });
        }
        if let Some(folder) = overrides
            && let Err(error) = read_folder(folder, "", &mut files.overrides)
        {
            findings.problem(Problem::new(folder.display().to_string(), None, error.to_string()));
        }
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
}

impl File {
    /// The file as text, or what is wrong with it.
    pub(crate) fn text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let line = line_at(&self.bytes, error.valid_up_to());
            Problem::new(&self.shown_as, Some(line), "not UTF-8 text")
        })
    }
}

/// The line that the byte at `offset` is in, counted from 1.
pub(crate) fn line_at(source: &[u8], offset: usize) -> usize {
    source.split_at(offset.min(source.len())).0.split(|&byte| byte == b'\n').count()
}

/// `true` for the name of a template.
pub(crate) fn is_template(name: &str) -> bool {
    (name.starts_with("mail/") || name.starts_with("pages/"))
        && (is_html(name) || ends(name, "txt"))
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
            files.insert(name, File { bytes, shown_as: path.display().to_string() });
        }
    }
    Ok(())
}
