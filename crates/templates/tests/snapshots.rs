//! What is sent and shown, word for word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use templates::{MailKind, Templates, samples};

/// Each mail, by the name of its folder.
const MAILS: [(&str, MailKind, Option<&str>); 3] = [
    ("invitation", MailKind::Invitation, None),
    ("invitation.short", MailKind::Invitation, Some("short")),
    ("reminder", MailKind::Reminder, None),
];

#[test]
fn the_text_of_each_mail_in_each_language() {
    let templates = Templates::load(None).unwrap();
    let mail = samples().swap_remove(0).mail;
    for language in templates.languages() {
        for (name, kind, variant) in MAILS {
            let rendered = templates.invitation(language, kind, variant, &mail).unwrap();
            insta::assert_snapshot!(
                format!("{name}-text-{}", language.tag()),
                format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
            );
        }
    }
}

#[test]
fn the_html_of_each_mail_in_english() {
    let templates = Templates::load(None).unwrap();
    let mail = samples().swap_remove(0).mail;
    for (name, kind, variant) in MAILS {
        let english = templates.language(None, "en");
        let rendered = templates.invitation(&english, kind, variant, &mail).unwrap();
        insta::assert_snapshot!(format!("{name}-html-en"), rendered.html);
    }
}

#[test]
fn the_invitation_in_a_language_that_runs_right_to_left() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("locales")).unwrap();
    fs_err::write(folder.path().join("locales/he.ftl"), HEBREW).unwrap();
    let templates = Templates::load(Some(folder.path())).unwrap();
    let sample = samples().into_iter().find(|it| it.name == "right-to-left").unwrap();
    let hebrew = templates.language(Some("he"), "en");
    let mail = templates.invitation(&hebrew, MailKind::Invitation, None, &sample.mail).unwrap();
    insta::assert_snapshot!("invitation-text-he", mail.text);
    insta::assert_snapshot!("invitation-html-he", mail.html);
}

/// Enough to see which way things run; the rest appears in English.
const HEBREW: &str = "
invitation-hello-name = שלום { $name },
invitation-ask-order = תודה על הזמנה { $order } מ-{ $shop }. איך היה?
items-heading = מה הזמנת
invitation-button = כתיבת חוות דעת
";

#[test]
fn each_page_in_english() {
    let templates = Templates::load(None).unwrap();
    let english = templates.language(None, "en");
    for (name, page) in samples().swap_remove(0).pages {
        let html = templates.page(&english, &page).unwrap();
        insta::assert_snapshot!(format!("page-{name}"), without_hash(&html));
    }
}

/// A change of the style sheet changes its name in every page; that is not what is looked at here.
fn without_hash(html: &str) -> String {
    let (before, rest) = html.split_once("/assets/style-").unwrap();
    let (_, after) = rest.split_once(".css").unwrap();
    format!("{before}/assets/style-HASH.css{after}")
}
