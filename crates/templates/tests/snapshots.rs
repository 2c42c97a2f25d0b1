//! What is sent and shown, word for word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use templates::{Templates, samples};

#[test]
fn the_invitation_in_each_language() {
    let templates = Templates::load(None).unwrap();
    let mail = samples().swap_remove(0).mail;
    for language in templates.languages() {
        let rendered = templates.invitation(language, &mail).unwrap();
        let tag = language.tag();
        insta::assert_snapshot!(
            format!("invitation-text-{tag}"),
            format!("Subject: {}\n\n{}", rendered.subject, rendered.text)
        );
        insta::assert_snapshot!(format!("invitation-html-{tag}"), rendered.html);
    }
}

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
