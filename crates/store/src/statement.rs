//! One SQL text for two databases.
//!
//! Many rows travel as one JSON parameter, so that a group costs one statement per table whatever
//! its size. How a database unfolds that parameter is the only thing in which the texts differ.

use std::sync::OnceLock;

/// The databases we speak to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A named statement. `{rows}` in its text stands for the rows in parameter `$1`, as table `r`.
pub(crate) struct Statement {
    #[cfg(test)]
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, &'static str)],
    pub(crate) text: &'static str,
    pub(crate) built: [OnceLock<&'static str>; 2],
}

impl Statement {
    /// The text for `dialect`.
    pub(crate) fn text(&self, dialect: Dialect) -> &'static str {
        self.built[dialect as usize].get_or_init(|| {
            // A handful of statements, each built once per process: they live as long as it does.
            String::leak(self.text.replace("{rows}", &self.rows(dialect)))
        })
    }

    fn rows(&self, dialect: Dialect) -> String {
        let list = |column: fn(&(&str, &str)) -> String| {
            self.columns.iter().map(column).collect::<Vec<_>>().join(", ")
        };
        match dialect {
            Dialect::Sqlite => {
                let columns = list(|(name, _)| format!("value->>'{name}' AS {name}"));
                // In SQLite's own form a row is not parsed again for each of its columns.
                format!("(SELECT {columns} FROM jsonb_each($1)) AS r")
            }
            Dialect::Postgres => {
                let columns = list(|(name, kind)| format!("{name} {kind}"));
                format!("json_to_recordset($1::json) AS r({columns})")
            }
        }
    }
}

/// What contains `text` literally, for `LIKE` with `!` as the escape.
pub(crate) fn containing(text: &str) -> String {
    format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"))
}

/// Declares statements, and `STATEMENTS`, which a test prepares on every database.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident($($column:ident $kind:ident),*) = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: $crate::statement::Statement = $crate::statement::Statement {
            #[cfg(test)]
            name: stringify!($name),
            columns: &[$((stringify!($column), stringify!($kind))),*],
            text: $text,
            built: [std::sync::OnceLock::new(), std::sync::OnceLock::new()],
        };)*
        #[cfg(test)]
        pub(crate) static STATEMENTS: &[&$crate::statement::Statement] = &[$(&$name),*];
    };
}

pub(crate) use statements;
