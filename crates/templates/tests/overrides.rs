//! What an operator's folder can change, and what is said when it is wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use templates::{Direction, MailKind, Page, Problem, Problems, Templates, samples};

/// An operator's folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<Templates, Problems> {
    Templates::load(Some(folder(files).path()))
}

fn problems(files: &[(&str, &str)]) -> Vec<Problem> {
    load(files).unwrap_err().0
}

/// The only problem with one file, found in that file; as `line: message`.
fn only_problem(name: &str, content: &str) -> String {
    let problems = problems(&[(name, content)]);
    let [problem] = &*problems else { panic!("{}", Problems(problems)) };
    assert!(Path::new(&problem.file).ends_with(name), "{problem}");
    match problem.line {
        Some(line) => format!("{line}: {}", problem.message),
        None => problem.message.clone(),
    }
}

fn mail_text(templates: &Templates, language: &str) -> String {
    let mail = samples().swap_remove(0).mail;
    let language = templates.language(Some(language), "en");
    templates.invitation(&language, MailKind::Invitation, None, &mail).unwrap().text
}

#[test]
fn one_text_can_be_changed_and_the_others_stay() {
    let templates = load(&[("locales/sv.ftl", "invitation-button = Tyck till\n")]).unwrap();
    let text = mail_text(&templates, "sv");
    assert!(text.contains("Tyck till\nhttps://"));
    assert!(text.contains("Hej Anna Lind!"));
    assert!(mail_text(&templates, "en").contains("Write a review\n"));
    assert_eq!(templates.warnings(), []);
}

#[test]
fn a_template_can_be_replaced() {
    let templates = load(&[(
        "mail/invitation/body.txt",
        "{{ review_url }} {{ unsubscribe_url }} {{ t(\"privacy\") }}",
    )])
    .unwrap();
    assert!(mail_text(&templates, "sv").ends_with("Integritet"));
}

/// A mail in MJML with all it must have.
const MJML: &str = "<mjml lang=\"{{ lang }}\">
<mj-body>
<mj-section><mj-column>
<mj-text>{{ buyer_name or \"Nobody\" }}</mj-text>
<mj-button href=\"{{ review_url }}\">{{ t(\"invitation-button\") }}</mj-button>
<mj-text><a href=\"{{ unsubscribe_url }}\">{{ shop.name }}</a></mj-text>
</mj-column></mj-section>
</mj-body>
</mjml>
";

#[test]
fn a_mail_can_be_written_in_mjml_and_is_escaped_like_html() {
    let templates = load(&[("mail/invitation/body.mjml", MJML)]).unwrap();
    assert_eq!(templates.warnings(), []);
    let english = templates.language(None, "en");
    for sample in samples() {
        let mail = &sample.mail;
        let html = templates.invitation(&english, MailKind::Invitation, None, mail).unwrap().html;
        assert!(html.contains("<html lang=\"en\"") && html.contains("</table>"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        let reminder = templates.invitation(&english, MailKind::Reminder, None, mail).unwrap().html;
        assert!(reminder.contains("class=\"card\""), "the reminder stays as it was");
    }
}

#[test]
fn what_is_wrong_in_mjml_is_reported_with_its_line() {
    let problem =
        |from: &str, to: &str| only_problem("mail/invitation/body.mjml", &MJML.replace(from, to));
    assert_eq!(
        problem("<mj-button ", "<mj-buton "),
        "5: MJML: there is no element <mj-buton> here"
    );
    assert_eq!(problem("shop.name", "shop.nam"), "6: undefined value: `shop.nam` is undefined");
    assert_eq!(
        problem("{{ t(\"invitation-button\") }}", "\n{% if %}"),
        "6: syntax error: unexpected end of block"
    );
    assert_eq!(
        problem("shop.name }}", "shop.name | safe }}"),
        "6: unknown filter: filter safe is unknown"
    );
    assert_eq!(
        problem("{{ shop.name }}", "{% autoescape false %}{{ shop.name }}{% endautoescape %}"),
        "6: invalid operation: HTML must be escaped"
    );
    assert_eq!(problem("{{ unsubscribe_url }}", "x"), "{{ unsubscribe_url }} must appear");
}

#[test]
fn of_mjml_and_html_with_one_name_the_first_is_used() {
    let templates = load(&[
        ("mail/invitation/body.mjml", MJML),
        ("mail/invitation/body.html", "{{ nothing }}"),
    ])
    .unwrap();
    let [warning] = templates.warnings() else { panic!("{:?}", templates.warnings()) };
    assert!(warning.file.ends_with("body.html"), "{warning}");
    assert_eq!(warning.message, "the .mjml file beside it is used instead");
}

#[test]
fn a_variant_has_its_own_parts_and_the_others_of_the_usual_mail() {
    let templates = load(&[
        ("mail/invitation.question/subject.txt", "How is it?"),
        ("mail/reminder.question/subject.txt", "How is it now?"),
        ("mail/invitation.empty/boddy.txt", "Hej"),
    ])
    .unwrap();
    assert_eq!(templates.variants().collect::<Vec<_>>(), ["question", "short"]);
    let [warning] = templates.warnings() else { panic!("{:?}", templates.warnings()) };
    assert!(warning.file.ends_with("boddy.txt"), "{warning}");
    let english = templates.language(None, "en");
    let mail = samples().swap_remove(0).mail;
    let of = |kind, variant| templates.invitation(&english, kind, variant, &mail).unwrap();
    let (usual, other) =
        (of(MailKind::Invitation, None), of(MailKind::Invitation, Some("question")));
    assert_eq!((&*other.subject, &other.text), ("How is it?", &usual.text));
    assert_eq!(of(MailKind::Reminder, Some("question")).subject, "How is it now?");
    assert_eq!(of(MailKind::Reminder, Some("short")), of(MailKind::Reminder, None));
    assert_eq!(of(MailKind::Invitation, Some("no such variant")), usual);
}

#[test]
fn a_variant_is_checked_like_every_mail() {
    assert_eq!(
        only_problem("mail/invitation.mine/body.txt", "{{ review_url }}"),
        "{{ unsubscribe_url }} must appear"
    );
    assert_eq!(
        only_problem("mail/reminder.mine/subject.txt", "{{ nothing }}"),
        "1: undefined value: `nothing` is undefined"
    );
}

#[test]
fn words_that_steer_opinions_are_refused_in_texts_and_templates() {
    assert_eq!(
        only_problem(
            "locales/sv.ftl",
            "privacy = Integritet\ninvitation-hello = Hej! Få en rabattkod för ditt omdöme.\n"
        ),
        "2: invitation-hello: \"rabattkod\" (sv) promises something for a review, which 16 CFR 465.4 \
         restricts and Google and Trustpilot forbid"
    );
    let problem =
        only_problem("mail/invitation/subject.txt", "Were you happy? 5-star review please");
    assert!(problem.starts_with("\"5 star review\" (en) asks for good reviews"), "{problem}");
}

#[test]
fn one_file_adds_a_language_and_english_stands_in_for_what_it_lacks() {
    let templates =
        load(&[("locales/he.ftl", "invitation-hello-name = שלום { $name },\n")]).unwrap();
    let hebrew = templates.language(Some("he-IL"), "sv");
    assert_eq!((hebrew.tag(), hebrew.direction()), ("he", Direction::Rtl));
    let mail = samples().swap_remove(0).mail;
    let mail = templates.invitation(&hebrew, MailKind::Invitation, None, &mail).unwrap();
    assert!(mail.html.contains("<html lang=\"he\" dir=\"rtl\""));
    assert!(mail.text.starts_with("שלום \u{2068}Anna Lind\u{2069},\n"));
    assert!(mail.text.contains("Write a review\n"));
    let missing = |key: &str| {
        templates.warnings().iter().any(|warning| {
            warning.file.ends_with("he.ftl") && warning.message.contains(&format!("\"{key}\""))
        })
    };
    assert!(missing("invitation-button") && !missing("invitation-hello-name"));
}

#[test]
fn a_region_has_the_texts_of_its_language_behind_it() {
    let templates =
        load(&[("locales/de-AT.ftl", "invitation-hello-name = Servus { $name },")]).unwrap();
    let text = mail_text(&templates, "de-AT");
    assert!(text.starts_with("Servus Anna Lind,\n\nvielen Dank"), "{text}");
    assert!(mail_text(&templates, "de-CH").starts_with("Guten Tag"));
    assert_eq!(templates.warnings(), []);
}

#[test]
fn words_that_run_the_other_way_are_isolated_and_still_choose_the_right_text() {
    let hebrew = "
stars-label = { $stars ->
    [1] כוכב אחד
   *[other] { $stars } כוכבים
 }
form-error = { $error ->
    [stars-missing] נא לבחור כוכבים
   *[other] { $max } תווים לכל היותר
 }
";
    let templates = load(&[("locales/he.ftl", hebrew)]).unwrap();
    let page = |language: &str, sample: &str, name: &str| {
        let sample = samples().into_iter().find(|it| it.name == sample).unwrap();
        let (_, page) = sample.pages.into_iter().find(|(it, _)| *it == name).unwrap();
        templates.page(&templates.language(Some(language), "en"), &page).unwrap()
    };
    let hebrew = page("he", "normal", "review-rejected");
    for text in
        ["כוכב אחד", "\u{2068}5\u{2069} כוכבים", "נא לבחור כוכבים", "\u{2068}120\u{2069} תווים"]
    {
        assert!(hebrew.contains(text), "{text}");
    }
    assert!(
        page("en", "right-to-left", "preferences-saved")
            .contains("<p role=\"status\">\u{2068}חנות התה\u{2069} does not ask")
    );
    assert!(page("en", "normal", "preferences").contains("<p>Nordic Tea may ask you"));
}

#[test]
fn plurals_follow_the_language() {
    let polish = "
items-more = { $count ->
    [one] i jeszcze jeden
    [few] i jeszcze { $count } produkty
   *[many] i jeszcze { $count } produktów
 }
";
    let templates = load(&[("locales/pl.ftl", polish)]).unwrap();
    let polish = templates.language(Some("pl"), "en");
    let more = |items: usize| {
        let mut mail = samples().swap_remove(0).mail;
        mail.items = vec![mail.items[0].clone(); items];
        templates.invitation(&polish, MailKind::Invitation, None, &mail).unwrap().text
    };
    assert!(!more(5).contains("jeszcze"));
    assert!(more(6).contains("i jeszcze jeden\n"));
    assert!(more(8).contains("i jeszcze 3 produkty\n"));
    assert!(more(10).contains("i jeszcze 5 produktów\n"));
}

#[test]
fn an_asset_can_be_replaced_or_added_and_is_served_under_a_new_name() {
    let built_in = Templates::load(None).unwrap();
    let templates = load(&[
        ("assets/style.css", "body { color: red }"),
        ("assets/logo.svg", "<svg/>"),
        ("pages/not-found.html", "{{ asset(\"style.css\") }} {{ asset(\"logo.svg\") }}"),
    ])
    .unwrap();
    let page = templates.page(&templates.language(None, "en"), &Page::NotFound).unwrap();
    let (style, logo) = page.split_once(' ').unwrap();
    let style = style.strip_prefix("../assets/").unwrap();
    let logo = logo.strip_prefix("../assets/").unwrap();
    assert_eq!(templates.asset(style).unwrap().bytes, b"body { color: red }");
    assert_eq!(templates.asset(style).unwrap().content_type, "text/css; charset=utf-8");
    assert_eq!(templates.asset(logo).unwrap().content_type, "image/svg+xml");
    assert_eq!(built_in.asset(style), None);
}

#[test]
fn a_broken_template_is_reported_with_its_line() {
    assert_eq!(
        only_problem("pages/busy.html", "<p>\n{% if %}\n</p>"),
        "2: syntax error: unexpected end of block"
    );
}

#[test]
fn what_is_not_there_is_reported_by_its_name() {
    assert_eq!(
        only_problem("pages/busy.html", "\n\n{{ shop_nam }}"),
        "3: undefined value: `shop_nam` is undefined"
    );
    assert_eq!(
        only_problem("pages/busy.html", "{{ t(\"buzy-text\") }}"),
        "1: invalid operation: there is no text \"buzy-text\""
    );
    assert_eq!(
        only_problem("pages/busy.html", "{{ asset(\"logo.png\") }}"),
        "1: invalid operation: there is no file assets/logo.png"
    );
}

#[test]
fn a_value_that_may_be_missing_must_be_asked_for_first() {
    assert_eq!(
        only_problem(
            "mail/invitation/body.txt",
            "{{ review_url }} {{ unsubscribe_url }}\n{{ buyer_name }}"
        ),
        "2: undefined value: there is no value here"
    );
    assert_eq!(
        only_problem(
            "mail/invitation/subject.txt",
            "{{ t(\"invitation-hello-name\", name=buyer_name) }}"
        ),
        "1: undefined value: there is no value for name"
    );
}

#[test]
fn a_broken_text_is_reported_in_its_own_file() {
    assert_eq!(
        only_problem(
            "locales/de.ftl",
            "privacy = Datenschutz\n\nthanks-text = Danke, { $shopp }\n"
        ),
        "3: thanks-text: Unknown variable: $shopp"
    );
    assert_eq!(
        only_problem("locales/de.ftl", "privacy = Datenschutz\nthanks-text\n"),
        "2: Expected a token starting with \"=\""
    );
    assert_eq!(
        only_problem("locales/de.ftl", "privacy = A\nprivacy = B\n"),
        "2: the text \"privacy\" is already in line 1"
    );
    for name in ["locales/german language.ftl", "locales/DE.ftl", "locales/pt_BR.ftl"] {
        assert_eq!(
            only_problem(name, "privacy = A\n"),
            "the name of the file is not a language (such as sv.ftl or pt-BR.ftl)"
        );
    }
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let problems = problems(&[
        ("pages/layout.html", "{% block"),
        ("pages/busy.html", "{{ nothing }}"),
        ("mail/invitation/subject.txt", "{{ nothing }}"),
        ("mail/invitation/body.txt", "{{ nothing }}"),
        ("locales/sv.ftl", "privacy"),
    ]);
    let mut files: Vec<_> = problems
        .iter()
        .map(|problem| problem.file.rsplit('/').next().unwrap().to_owned())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["body.txt", "busy.html", "layout.html", "subject.txt", "sv.ftl"],
        "{}",
        Problems(problems)
    );
}

#[test]
fn a_mail_without_its_links_is_refused() {
    assert_eq!(
        only_problem("mail/invitation/body.txt", "{{ review_url }}"),
        "{{ unsubscribe_url }} must appear"
    );
    assert_eq!(
        only_problem("mail/invitation/body.html", "<a href=\"{{ unsubscribe_url }}\">x</a>"),
        "{{ review_url }} must appear"
    );
    assert_eq!(only_problem("mail/invitation/subject.txt", "\n"), "the subject is empty");
    assert_eq!(
        only_problem("pages/preferences.html", "<form method=\"post\"></form>"),
        "{{ action }} must appear"
    );
}

#[test]
fn a_mail_that_would_be_cut_off_is_refused() {
    let long = format!("{{{{ review_url }}}} {{{{ unsubscribe_url }}}} {}", "x".repeat(100_000));
    assert_eq!(
        only_problem("mail/invitation/body.html", &long),
        "the mail is longer than 100000 bytes"
    );
}

#[test]
fn escaping_cannot_be_switched_off() {
    assert_eq!(
        only_problem("pages/error.html", "{{ request_id | safe }}"),
        "1: unknown filter: filter safe is unknown"
    );
    assert_eq!(
        only_problem(
            "pages/error.html",
            "{% autoescape false %}{{ request_id }}{% endautoescape %}"
        ),
        "1: invalid operation: HTML must be escaped"
    );
}

#[test]
fn plain_text_cannot_be_taken_into_html() {
    let problems = problems(&[
        ("pages/parts.txt", "{{ request_id }}"),
        ("pages/error.html", "\n{{ request_id }}{% include \"pages/parts.txt\" %}"),
    ]);
    let [problem] = &*problems else { panic!("{}", Problems(problems)) };
    assert!(
        problem.to_string().ends_with(
            "error.html:2: template not found: tried to include non-existing template 'pages/parts.txt'"
        ),
        "{problem}"
    );
}

#[test]
fn an_endless_template_is_stopped() {
    assert_eq!(
        only_problem(
            "pages/busy.html",
            "{% for a in range(9999) %}{% for b in range(99) %}{% endfor %}{% endfor %}"
        ),
        "1: engine ran out of fuel"
    );
}

#[test]
fn a_file_that_is_not_text_is_reported() {
    let folder = folder(&[]);
    fs_err::create_dir_all(folder.path().join("pages")).unwrap();
    fs_err::write(folder.path().join("pages/busy.html"), b"a\nb\xff").unwrap();
    let problems = Templates::load(Some(folder.path())).unwrap_err();
    assert!(problems.to_string().ends_with("busy.html:2: not UTF-8 text"), "{problems}");
}

#[test]
fn a_folder_that_is_not_there_is_reported() {
    let folder = folder(&[]);
    let missing = folder.path().join("missing");
    let problems = Templates::load(Some(&missing)).unwrap_err();
    assert!(problems.to_string().starts_with(missing.to_str().unwrap()), "{problems}");
}

#[test]
fn what_nothing_uses_is_warned_of() {
    let templates = load(&[
        ("locales/sv.ftl", "\ninvitaton-button = Tyck till\n"),
        ("mail/invitation/boddy.txt", "Hej"),
        ("mail/footer.txt", "Hej"),
        (
            "mail/invitation/body.txt",
            "{{ review_url }} {{ unsubscribe_url }} {% include \"mail/footer.txt\" %}",
        ),
        ("notes.md", "Notes"),
        (".git/config", "hidden"),
        ("pages/busy.html~", "an editor's copy"),
    ])
    .unwrap();
    let warnings: Vec<_> = templates
        .warnings()
        .iter()
        .map(|warning| warning.to_string().rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        warnings,
        [
            "sv.ftl:2: invitaton-button: no template asks for this text",
            "boddy.txt: no template uses this one",
            "notes.md: nothing uses a file of this name",
        ]
    );
}
