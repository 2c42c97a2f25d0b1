//! Tries every template before it is needed.

use std::collections::BTreeSet;

use crate::{
    Language, Templates,
    files::{self, Files},
    lint,
    mail::{MailKind, MailPart},
    problem::{Findings, Problem},
    render::escape_html,
    samples::{Sample, samples},
};

/// Gmail cuts a mail at 102 kB, and with it the link to unsubscribe.
const MAIL_MAX_BYTES: usize = 100_000;

/// Samples whose names steer nobody and that together take every branch: what is found in their
/// mails is in the texts.
const NEUTRAL: [&str; 2] = ["normal", "nothing-known"];

/// Renders each template in each language for each sample.
pub(crate) fn check(templates: &Templates, files: &Files, findings: &mut Findings) {
    for sample in samples() {
        for language in templates.languages() {
            for (kind, variant) in templates.mails() {
                check_mail(templates, language, (kind, variant), &sample, files, findings);
            }
            for (_, page) in &sample.pages {
                let needed = page.essentials();
                match templates.page(language, page) {
                    Ok(html) => require(&html, &needed, page.template(), files, findings),
                    Err(error) => findings.problem(files.placed(error.0)),
                }
            }
        }
    }
    warn_of_unused_templates(templates, files, findings);
}

fn check_mail(
    templates: &Templates,
    language: &Language,
    (kind, variant): (MailKind, Option<&str>),
    sample: &Sample,
    files: &Files,
    findings: &mut Findings,
) {
    let mail = &sample.mail;
    let links = [("review_url", &*mail.review_url), ("unsubscribe_url", &*mail.unsubscribe_url)];
    for part in MailPart::ALL {
        let name = templates.mail_template(kind, variant, part);
        // A broken subject has its own problem, and shall not cause another.
        let context = mail.context((part == MailPart::Html).then_some("Subject"));
        let rendered = match templates.render(language, &name, &context) {
            Ok(rendered) => rendered,
            Err(error) => {
                findings.problem(files.placed(error.0));
                continue;
            }
        };
        if part != MailPart::Subject {
            require(&rendered, &links, &name, files, findings);
        } else if rendered.trim().is_empty() {
            findings.problem(Problem::new(files.shown_as(&name), None, "the subject is empty"));
        }
        if NEUTRAL.contains(&sample.name) {
            for problem in lint::lint(&rendered, &name, language, files) {
                findings.problem(problem);
            }
        }
        if rendered.len() > MAIL_MAX_BYTES {
            let message = format!("the mail is longer than {MAIL_MAX_BYTES} bytes");
            findings.problem(Problem::new(files.shown_as(&name), None, message));
        }
    }
}

/// Each of the named values must appear in what was rendered.
fn require(
    rendered: &str,
    values: &[(&'static str, &str)],
    template: &str,
    files: &Files,
    findings: &mut Findings,
) {
    for (name, value) in values {
        let written = if files::is_html(template) {
            escape_html(value).into_owned()
        } else {
            (*value).to_owned()
        };
        if !rendered.contains(&written) {
            let message = format!("{{{{ {name} }}}} must appear");
            findings.problem(Problem::new(files.shown_as(template), None, message));
        }
    }
}

fn warn_of_unused_templates(templates: &Templates, files: &Files, findings: &mut Findings) {
    let parts: BTreeSet<String> = templates
        .mails()
        .flat_map(|(kind, variant)| {
            MailPart::ALL.map(|part| templates.mail_template(kind, variant, part))
        })
        .collect();
    let names = files.names(files::is_template);
    let added =
        names.iter().filter(|name| !files.built_in.contains_key(**name) && !parts.contains(**name));
    for name in added {
        let mentioned = names
            .iter()
            .filter_map(|name| files.get(name)?.text().ok())
            .any(|source| source.contains(&format!("\"{name}\"")));
        if !mentioned {
            findings.warn(Problem::new(files.shown_as(name), None, "no template uses this one"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody checks them when they are loaded.
    #[test]
    fn what_is_built_in_is_sound() {
        let mut findings = Findings::default();
        let files = Files::collect(None, &mut findings);
        let templates = Templates::compile(&files, &mut findings);
        check(&templates, &files, &mut findings);
        assert_eq!(findings.into_warnings().unwrap(), []);
    }
}
