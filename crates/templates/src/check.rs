//! Tries every template before it is needed.

use crate::{
    Language, Templates,
    files::{self, Files},
    mail::InvitationMail,
    problem::{Findings, Problem},
    render::escape_html,
    samples::samples,
};

/// Gmail cuts a mail at 102 kB, and with it the link to unsubscribe.
const MAIL_MAX_BYTES: usize = 100_000;

/// Renders each template in each language for each sample.
pub(crate) fn check(templates: &Templates, files: &Files, findings: &mut Findings) {
    for sample in samples() {
        for language in templates.languages() {
            for part in ["subject.txt", "body.txt", "body.html"] {
                check_mail(templates, language, &sample.mail, part, files, findings);
            }
            for (_, page) in &sample.pages {
                let needed = page.essentials();
                match templates.page(language, page) {
                    Ok(html) => require(&html, &needed, page.template(), files, findings),
                    Err(error) => findings.problem(placed(error.0, files)),
                }
            }
        }
    }
    warn_of_unused_templates(files, findings);
}

fn check_mail(
    templates: &Templates,
    language: &Language,
    mail: &InvitationMail,
    part: &str,
    files: &Files,
    findings: &mut Findings,
) {
    let name = InvitationMail::template(part);
    let rendered = match templates.render(language, &name, &mail.context()) {
        Ok(rendered) => rendered,
        Err(error) => return findings.problem(placed(error.0, files)),
    };
    if part == "subject.txt" {
        if rendered.trim().is_empty() {
            findings.problem(Problem::new(files.shown_as(&name), None, "the subject is empty"));
        }
        return;
    }
    let links = [("review_url", &*mail.review_url), ("unsubscribe_url", &*mail.unsubscribe_url)];
    require(&rendered, &links, &name, files, findings);
    if rendered.len() > MAIL_MAX_BYTES {
        let message = format!("the mail is longer than {MAIL_MAX_BYTES} bytes");
        findings.problem(Problem::new(files.shown_as(&name), None, message));
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

/// The problem with its file called what the operator calls it.
fn placed(problem: Problem, files: &Files) -> Problem {
    Problem { file: files.shown_as(&problem.file), ..problem }
}

fn warn_of_unused_templates(files: &Files, findings: &mut Findings) {
    let templates = files.names(files::is_template);
    for name in templates.iter().filter(|name| !files.built_in.contains_key(**name)) {
        let mentioned = templates
            .iter()
            .filter_map(|name| files.get(name)?.text().ok())
            .any(|source| source.contains(&format!("\"{name}\"")));
        if !mentioned {
            findings.warn(Problem::new(files.shown_as(name), None, "no template uses this one"));
        }
    }
}
