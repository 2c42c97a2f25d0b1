//! What is wrong with a template or a text, and where.

use std::{collections::BTreeSet, error::Error, fmt};

/// Something wrong in one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The operator's file, or the name of a built-in one.
    pub file: String,
    /// Counted from 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong, in one line.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        file: impl Into<String>,
        line: Option<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), line, message: message.into() }
    }

    /// The innermost place that `error` names: an error in a text that a macro in an included file
    /// asked for belongs to the text.
    pub(crate) fn from_template_error(template: &str, error: &minijinja::Error) -> Self {
        let mut problem = Self::new(template, None, String::new());
        let mut next: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<minijinja::Error>() {
                if let Some(file) = error.name() {
                    file.clone_into(&mut problem.file);
                    problem.line = error.line();
                }
                let kind = error.kind();
                problem.message = error
                    .detail()
                    .map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"));
            } else if let Some(error) = error.downcast_ref::<TextError>() {
                problem = error.0.clone();
            }
            next = error.source();
        }
        problem
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, message } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {message}"),
            None => write!(f, "{file}: {message}"),
        }
    }
}

/// Everything that is wrong with the templates and texts; one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.iter();
        if let Some(first) = lines.next() {
            write!(f, "{first}")?;
        }
        lines.try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl Error for Problems {}

/// A template could not be rendered. What the samples cover was rendered at load, so this is rare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub Problem);

impl RenderError {
    pub(crate) fn new(template: &str, error: &minijinja::Error) -> Self {
        Self(Problem::from_template_error(template, error))
    }

    pub(crate) fn no_language(template: &str) -> Self {
        Self(Problem::new(template, None, "there is no language to render it in"))
    }
}

/// A text could not be formatted; carried through the template engine to keep its place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TextError(pub(crate) Problem);

/// What loading has found so far: sorted by place, each once.
#[derive(Default)]
pub(crate) struct Findings {
    problems: BTreeSet<Problem>,
    warnings: BTreeSet<Problem>,
}

impl Findings {
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.insert(problem);
    }

    pub(crate) fn warn(&mut self, warning: Problem) {
        self.warnings.insert(warning);
    }

    pub(crate) fn into_warnings(self) -> Result<Vec<Problem>, Problems> {
        if self.problems.is_empty() {
            Ok(self.warnings.into_iter().collect())
        } else {
            Err(Problems(self.problems.into_iter().collect()))
        }
    }
}

/// The line that the byte at `offset` is in, counted from 1.
pub(crate) fn line_at(source: &[u8], offset: usize) -> usize {
    source.split_at(offset.min(source.len())).0.split(|&byte| byte == b'\n').count()
}
