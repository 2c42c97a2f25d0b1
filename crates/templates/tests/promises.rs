//! What holds for every mail and page, in every language, for every sample.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use domain::{
    Item, ProductKey, Stars,
    review::{Label, products},
};
use fluent_syntax::{ast::Entry, parser};
use html5gum::{Token, Tokenizer};
use proptest::prelude::*;
use templates::{
    Choice, FormError, FormValues, InvitationMail, Language, MailKind, Page, ProductValues,
    RenderedMail, ReviewForm, Shop, Templates, samples,
};

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).unwrap());

/// One start tag: its name, and its attributes in order.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| &**value)
    }
}

/// Start tags, as a browser reads them.
fn tags(html: &str) -> Vec<Tag> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Tokenizer::new(html)
        .filter_map(|token| match token {
            Ok(Token::StartTag(tag)) => Some(Tag {
                name: text(&tag.name),
                attributes: tag
                    .attributes
                    .iter()
                    .map(|(name, value)| (text(name), text(value)))
                    .collect(),
            }),
            _ => None,
        })
        .collect()
}

/// Everything that is markup: tags with the names of their attributes, comments, and all else that
/// is not text.
fn skeleton(html: &str) -> Vec<String> {
    Tokenizer::new(html)
        .filter_map(|token| match token.unwrap() {
            Token::StartTag(tag) => {
                Some(format!("<{:?} {:?}>", tag.name, tag.attributes.keys().collect::<Vec<_>>()))
            }
            Token::EndTag(tag) => Some(format!("</{:?}>", tag.name)),
            Token::String(_) | Token::Error(_) => None,
            Token::Comment(_) => Some("comment".to_owned()),
            Token::Doctype(_) => Some("doctype".to_owned()),
        })
        .collect()
}

/// Everything a reader of the page can follow, send to, or load.
fn addresses(html: &str) -> BTreeSet<String> {
    const ATTRIBUTES: [&str; 9] =
        ["href", "src", "action", "formaction", "srcset", "background", "poster", "cite", "data"];
    tags(html)
        .into_iter()
        .flat_map(|tag| tag.attributes)
        .filter_map(|(name, value)| ATTRIBUTES.contains(&&*name).then_some(value))
        .collect()
}

fn languages() -> Vec<Language> {
    TEMPLATES.languages().cloned().collect()
}

fn each_mail(mut check: impl FnMut(&Language, &InvitationMail, &RenderedMail)) {
    for language in languages() {
        for sample in samples() {
            for rendered in mails(&language, &sample.mail) {
                check(&language, &sample.mail, &rendered);
            }
        }
    }
}

/// The invitation, the reminder, and the variants of both.
fn mails(language: &Language, mail: &InvitationMail) -> Vec<RenderedMail> {
    let variants = || std::iter::once(None).chain(TEMPLATES.variants().map(Some));
    MailKind::ALL
        .into_iter()
        .flat_map(|kind| variants().map(move |variant| (kind, variant)))
        .map(|(kind, variant)| TEMPLATES.invitation(language, kind, variant, mail).unwrap())
        .collect()
}

/// The invitation in English.
fn invitation(mail: &InvitationMail) -> RenderedMail {
    mails(&TEMPLATES.language(None, "en"), mail).swap_remove(0)
}

fn each_page(mut check: impl FnMut(&Language, &str, &str)) {
    for language in languages() {
        for sample in samples() {
            for (name, page) in &sample.pages {
                let what = format!("{} {name} {}", language.tag(), sample.name);
                check(&language, &what, &TEMPLATES.page(&language, page).unwrap());
            }
        }
    }
}

#[test]
fn every_language_has_the_same_texts_and_every_text_is_used() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/files/locales");
    let mut keys = BTreeMap::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = fs_err::read_to_string(&path).unwrap();
        let resource = parser::parse(&*source).unwrap();
        let messages: BTreeSet<String> = resource
            .body
            .iter()
            .filter_map(|entry| match entry {
                Entry::Message(message) => Some(message.id.name.to_owned()),
                _ => None,
            })
            .collect();
        keys.insert(path, messages);
    }
    assert!(keys.len() >= 3);
    let english = &keys.iter().find(|(path, _)| path.ends_with("en.ftl")).unwrap().1;
    for (path, messages) in &keys {
        assert_eq!(messages, *english, "{}", path.display());
    }
    assert_eq!(TEMPLATES.warnings(), []);
}

#[test]
fn a_language_is_found_however_a_platform_spells_it() {
    let language = |wanted, fallback| TEMPLATES.language(wanted, fallback).tag().to_owned();
    assert_eq!(language(Some("sv_SE"), "de"), "sv");
    assert_eq!(language(Some("cy"), "de-CH"), "de");
    assert_eq!(language(None, "cy"), "en");
}

#[test]
fn a_mail_has_its_links_in_both_parts_and_a_subject_of_one_line() {
    each_mail(|_, mail, rendered| {
        for url in [&mail.review_url, &mail.unsubscribe_url] {
            assert!(rendered.text.lines().any(|line| line == url), "{}", rendered.text);
            assert!(addresses(&rendered.html).contains(url));
        }
        for stars in 1..=5 {
            let star = format!("{}?stars={stars}", mail.review_url);
            assert!(addresses(&rendered.html).contains(&star), "{star}");
        }
        assert!(!rendered.subject.is_empty() && !rendered.subject.contains('\n'));
    });
}

#[test]
fn a_mail_says_why_it_comes_and_where_its_sender_lives() {
    for language in languages() {
        let mut mail = samples().swap_remove(0).mail;
        mail.shop.postal_address = Some("Storgatan 1\nStockholm".to_owned());
        let file = format!("{}/files/locales/{}.ftl", env!("CARGO_MANIFEST_DIR"), language.tag());
        let texts = fs_err::read_to_string(file).unwrap();
        let why = texts.lines().find_map(|line| line.strip_prefix("invitation-why = ")).unwrap();
        let why = why.replace("{ $shop }", &mail.shop.name);
        for rendered in mails(&language, &mail) {
            for body in [&rendered.text, &rendered.html] {
                let marks = ['\u{2068}', '\u{2069}'];
                let said = body.replace(marks, "").split_whitespace().collect::<Vec<_>>().join(" ");
                for part in [&*why, "Storgatan 1", "Stockholm"] {
                    assert!(said.contains(part), "{}: {part} in {said}", language.tag());
                }
            }
        }
    }
}

#[test]
fn an_invitation_and_a_reminder_can_be_put_off_if_there_is_a_link_for_it() {
    let english = TEMPLATES.language(None, "en");
    for kind in MailKind::ALL {
        let mail = samples().swap_remove(0).mail;
        let put_off = mail.later_url.clone().unwrap();
        let rendered = TEMPLATES.invitation(&english, kind, None, &mail).unwrap();
        assert!(rendered.text.lines().any(|line| line == put_off));
        assert!(addresses(&rendered.html).contains(&put_off));
        let mail = InvitationMail { later_url: None, ..mail };
        let rendered = TEMPLATES.invitation(&english, kind, None, &mail).unwrap();
        assert!(!rendered.text.contains("later") && !rendered.html.contains("later"));
    }
}

#[test]
fn a_mail_is_whole_html_without_leftovers_of_its_template() {
    for language in languages() {
        for sample in samples() {
            for mail in mails(&language, &sample.mail) {
                assert_eq!(unclosed(&mail.html), [""; 0], "{} {}", language.tag(), sample.name);
                for part in [&mail.subject, &mail.text, &mail.html] {
                    let left =
                        part.contains("{{") || part.contains("{%") || part.contains(['⸨', '⸩']);
                    assert!(!left || sample.name == "hostile", "{part}");
                }
            }
        }
    }
}

/// What keeps `html` from being well-formed: faults in tags, and elements that do not end where they
/// should.
fn unclosed(html: &str) -> Vec<String> {
    const VOID: [&str; 4] = ["meta", "img", "br", "link"];
    let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut open = Vec::new();
    let mut faults = Vec::new();
    for token in Tokenizer::new(html) {
        match token.unwrap() {
            Token::StartTag(tag) if !tag.self_closing && !VOID.contains(&&*name(&tag.name)) => {
                open.push(name(&tag.name));
            }
            Token::EndTag(tag) if open.pop() != Some(name(&tag.name)) => {
                faults.push(name(&tag.name));
            }
            Token::Error(error) => faults.push(error.to_string()),
            _ => {}
        }
    }
    faults.extend(open);
    faults
}

#[test]
fn a_star_keeps_the_query_of_the_review_link() {
    let mail = InvitationMail {
        review_url: "https://reviews.shop.example/r?t=1".into(),
        ..samples().swap_remove(0).mail
    };
    let html = invitation(&mail).html;
    assert!(addresses(&html).contains("https://reviews.shop.example/r?t=1&stars=3"));
}

#[test]
fn a_mail_loads_nothing_but_pictures_of_products() {
    each_mail(|_, mail, rendered| {
        let pictures: BTreeSet<_> =
            mail.items.iter().filter_map(|item| item.image.as_deref()).collect();
        for tag in tags(&rendered.html) {
            assert!(!["script", "link", "iframe", "form"].contains(&&*tag.name), "{}", tag.name);
            assert_eq!(tag.get("src").is_some(), tag.name == "img");
            if let Some(src) = tag.get("src") {
                assert!(pictures.contains(src) && src.starts_with("https://"), "{src}");
                assert!(tag.get("alt").is_some());
            }
        }
        assert!(!rendered.html.contains("url("));
    });
}

#[test]
fn a_mail_is_small_and_its_text_fits_a_screen() {
    each_mail(|_, _, rendered| {
        assert!(rendered.html.len() < 100_000 && rendered.text.len() < 100_000);
        assert!(!rendered.text.contains("\n\n\n\n"));
        assert!(!rendered.text.starts_with('\n'));
    });
    let normal = samples().swap_remove(0).mail;
    for language in languages() {
        for RenderedMail { text, .. } in mails(&language, &normal) {
            assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
        }
    }
}

#[test]
fn mails_and_pages_name_their_language_and_direction() {
    let check = |language: &Language, html: &str| {
        let tags = tags(html);
        let root = tags.iter().find(|tag| tag.name == "html").unwrap();
        assert_eq!(root.get("lang"), Some(language.tag()));
        assert_eq!(root.get("dir"), Some("ltr"));
    };
    each_mail(|language, _, rendered| check(language, &rendered.html));
    each_page(|language, _, html| check(language, html));
}

#[test]
fn pages_obey_a_strict_content_security_policy() {
    each_page(|_, what, html| {
        for tag in tags(html) {
            assert!(!["script", "style", "iframe", "img"].contains(&&*tag.name), "{what}");
            for (name, _) in &tag.attributes {
                assert!(name != "style" && !name.starts_with("on"), "{what}: {name}");
            }
            if tag.name == "link" {
                let href = tag.get("href").unwrap();
                let asset = href.strip_prefix("../assets/").map(|name| TEMPLATES.asset(name));
                assert!(matches!(asset, Some(Some(_))) || href == "data:,", "{what}: {href}");
            }
        }
    });
    for preview in TEMPLATES.previews().unwrap() {
        if preview.path.starts_with("assets/") {
            let css = String::from_utf8(preview.content).unwrap();
            assert!(!css.contains("url(") && !css.contains("@import"));
        }
    }
}

#[test]
fn what_a_page_refers_to_by_id_is_there() {
    each_page(|_, what, html| {
        let tags = tags(html);
        let ids: Vec<_> = tags.iter().filter_map(|tag| tag.get("id")).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{what}: {ids:?}");
        let anchors = tags.iter().filter_map(|tag| tag.get("href")?.strip_prefix('#'));
        let labels = tags.iter().filter_map(|tag| tag.get("for"));
        let described = tags.iter().filter_map(|tag| tag.get("aria-describedby"));
        let labelled = tags.iter().filter_map(|tag| tag.get("aria-labelledby"));
        let listed = described.chain(labelled).flat_map(str::split_whitespace);
        for id in anchors.chain(labels).chain(listed) {
            assert!(ids.contains(&id), "{what}: {id}");
        }
    });
}

fn form(form: ReviewForm) -> Vec<Tag> {
    let page = Page::ReviewForm(Box::new(form));
    tags(&TEMPLATES.page(&TEMPLATES.language(None, "en"), &page).unwrap())
}

fn sample_form() -> ReviewForm {
    match samples().swap_remove(0).pages.swap_remove(0).1 {
        Page::ReviewForm(form) => *form,
        other => panic!("{other:?}"),
    }
}

/// What is chosen of the radio buttons of this name.
fn checked<'a>(tags: &'a [Tag], name: &str) -> Vec<&'a str> {
    tags.iter()
        .filter(|tag| tag.get("name") == Some(name) && tag.get("checked").is_some())
        .filter_map(|tag| tag.get("value"))
        .collect()
}

/// The keys of the products in the sample form.
fn keys() -> Vec<ProductKey> {
    products(&sample_form().items).iter().map(|product| product.key).collect()
}

#[test]
fn the_form_has_every_field_and_no_star_is_chosen_for_the_reader() {
    let tags = form(sample_form());
    let mut fields: Vec<_> = tags
        .iter()
        .filter(|tag| ["input", "textarea"].contains(&&*tag.name))
        .filter_map(|tag| tag.get("name"))
        .collect();
    let radios = fields.len();
    fields.dedup();
    let [one, other] = &keys()[..] else { panic!("two products") };
    let of_products =
        [one, other].map(|key| [format!("stars-{key}"), format!("text-{key}")]).concat();
    let of_shop = ["stamp", "stars", "title", "text", "name"].into_iter();
    let expected: Vec<&str> =
        of_shop.chain(of_products.iter().map(|name| &**name)).chain(["website"]).collect();
    assert_eq!(fields, expected);
    assert_eq!(radios - fields.len(), 4 + 2 * 5, "for a product, one more that takes it back");
    let sent = tags.iter().find(|tag| tag.name == "form").unwrap();
    assert_eq!(
        (sent.get("method"), sent.get("action")),
        (Some("post"), Some(&*sample_form().action))
    );
    assert_eq!(checked(&tags, "stars"), [""; 0]);
    assert_eq!(checked(&tags, &format!("stars-{one}")), [""], "no rating");
}

#[test]
fn a_star_from_the_mail_is_chosen_in_the_form() {
    let stars = Stars::try_from(2).ok();
    let tags =
        form(ReviewForm { values: FormValues { stars, ..FormValues::default() }, ..sample_form() });
    assert_eq!(checked(&tags, "stars"), ["2"]);
    for key in keys() {
        assert_eq!(checked(&tags, &format!("stars-{key}")), [""], "it is about the shop");
    }
}

#[test]
fn every_product_of_the_order_can_be_rated_once_and_long_forms_are_folded() {
    let item = |n: usize| Item { name: format!("Tea {n}"), ..Item::default() };
    for (count, folded) in [(0, 0), (1, 0), (3, 0), (4, 4), (30, 30), (40, 30)] {
        let items: Vec<Item> = (0..count).chain(0..count).map(item).collect();
        let tags = form(ReviewForm { items, ..sample_form() });
        let named = |prefix| {
            tags.iter().filter(move |t| t.get("name").is_some_and(|name| name.starts_with(prefix)))
        };
        assert_eq!(named("text-").count(), count.min(30));
        assert_eq!(named("stars-").count(), 6 * count.min(30));
        assert_eq!(tags.iter().filter(|tag| tag.name == "details").count(), folded);
    }
}

#[test]
fn an_opinion_that_is_folded_is_shown_when_there_is_one() {
    let items: Vec<Item> =
        (0..9).map(|n| Item { name: format!("Tea {n}"), ..Item::default() }).collect();
    let key = products(&items)[4].key;
    let said = ProductValues { stars: Stars::try_from(3).ok(), text: "Fine".into() };
    let values = FormValues { products: [(key, said)].into(), ..FormValues::default() };
    let tags = form(ReviewForm { items, values, ..sample_form() });
    assert_eq!(checked(&tags, &format!("stars-{key}")), ["3"]);
    let open: Vec<_> = tags
        .iter()
        .filter(|tag| tag.name == "details")
        .map(|tag| tag.get("open").is_some())
        .collect();
    assert_eq!(open, [false, false, false, false, true, false, false, false, false]);
}

#[test]
fn the_field_for_programs_is_hidden_from_people() {
    let tags = form(sample_form());
    let trap = tags.iter().find(|tag| tag.get("name") == Some("website")).unwrap();
    assert_eq!((trap.get("tabindex"), trap.get("autocomplete")), (Some("-1"), Some("off")));
    assert!(tags.iter().any(|tag| {
        tag.get("class") == Some("extra") && tag.get("aria-hidden") == Some("true")
    }));
}

#[test]
fn a_form_that_was_not_accepted_keeps_what_was_typed() {
    let key = keys()[1];
    let said = ProductValues { stars: None, text: "\nA <pot>".into() };
    let values = FormValues {
        stars: None,
        title: "A \"title\"".into(),
        text: "\nFirst line\n</textarea>".into(),
        name: "Anna & co".into(),
        products: [(key, said)].into(),
    };
    let page = Page::ReviewForm(Box::new(ReviewForm {
        values: values.clone(),
        errors: vec![FormError::StarsMissing, FormError::ProductStarsMissing(key)],
        ..sample_form()
    }));
    let html = TEMPLATES.page(&TEMPLATES.language(None, "en"), &page).unwrap();
    let tags = tags(&html);
    let value = |name| tags.iter().find(|tag| tag.get("name") == Some(name)).unwrap().get("value");
    assert_eq!(value("title"), Some(&*values.title));
    assert_eq!(value("name"), Some(&*values.name));
    // A browser drops the line break right after the tag, and no other.
    assert!(html.contains(">\n\nFirst line\n&lt;/textarea&gt;</textarea>"));
    assert!(html.contains(">\n\nA &lt;pot&gt;</textarea>"));
    assert!(html.contains("id=\"stars-error\""));
    assert!(html.contains(&format!("id=\"stars-{key}-error\"")));
    assert!(html.contains(&format!("href=\"#stars-{key}\"")));
}

/// Text as people and programs send it, never empty.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "x[<>&\"'/=a-z{}% -]{0,40}",
        "x\\PC{0,20}",
        Just("x</textarea></title></style><script>alert(1)</script><!--".to_owned()),
        Just("x\" onload=\"alert(1)\" '><img src=x onerror=alert(1)>".to_owned()),
        Just("x{{ 7 * 7 }}{% raw %}&lt;b&gt;".to_owned()),
    ]
}

/// Every mail and page, with foreign text in every place that takes some.
fn everything(texts: &[String; 10]) -> (InvitationMail, Vec<Page>) {
    let [shop, address, buyer, number, item, title, text, name, stamp, id] = texts.clone();
    let shop = Shop {
        name: shop,
        website: Some("https://shop.example/".into()),
        postal_address: Some(address),
        privacy_url: Some("https://shop.example/privacy".into()),
    };
    let items = vec![Item {
        name: item,
        sku: None,
        gtin: None,
        url: Some("https://shop.example/p".into()),
        image: Some("https://shop.example/i.jpg".into()),
        ..Item::default()
    }];
    let mail = InvitationMail {
        shop: shop.clone(),
        buyer_name: Some(buyer),
        order_number: Some(number.clone()),
        items: items.clone(),
        review_url: "https://reviews.example/r".into(),
        later_url: Some("https://reviews.example/l".into()),
        unsubscribe_url: "https://reviews.example/u".into(),
    };
    let stars = Stars::try_from(3).unwrap();
    let said = ProductValues { stars: None, text: text.clone() };
    let key = products(&items)[0].key;
    let form = ReviewForm {
        shop: shop.clone(),
        order_number: Some(number),
        items,
        action: "/r/token".into(),
        stamp,
        values: FormValues {
            stars: Some(stars),
            title,
            text,
            name,
            products: [(key, said)].into(),
        },
        errors: vec![FormError::TextTooLong, FormError::ProductStarsMissing(key)],
        later_url: Some("../l/token".into()),
        organic: false,
    };
    let pages = vec![
        Page::ReviewForm(Box::new(form)),
        Page::Thanks { shop: shop.clone(), stars, label: Label::Pending },
        Page::AlreadyReviewed { shop: shop.clone(), stars, label: Label::Organic },
        Page::Preferences {
            shop: shop.clone(),
            action: "/u/token".into(),
            holds: Choice::NoneFromShop,
            is_fixed: true,
            saved: true,
        },
        Page::Later { shop: shop.clone(), action: "/l/token".into() },
        Page::LaterDone { shop: shop.clone(), weeks: 1 },
        Page::LaterNot { shop },
        Page::Error { request_id: id },
    ];
    (mail, pages)
}

fn render_everything(texts: &[String; 10]) -> Vec<String> {
    let english = TEMPLATES.language(None, "en");
    let (mail, pages) = everything(texts);
    let key = products(&mail.items)[0].key.to_string();
    // The key follows from the name of the product: in every page the same one.
    let pages = pages
        .iter()
        .map(|page| TEMPLATES.page(&english, page).unwrap().replace(&key, "0000000000000000"));
    mails(&english, &mail).into_iter().map(|mail| mail.html).chain(pages).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn foreign_text_never_becomes_markup_or_an_address(texts in proptest::array::uniform10(any_text())) {
        let plain = render_everything(&std::array::from_fn(|_| "x".to_owned()));
        for (foreign, plain) in render_everything(&texts).iter().zip(&plain) {
            prop_assert_eq!(skeleton(foreign), skeleton(plain));
            prop_assert_eq!(addresses(foreign), addresses(plain));
        }
    }

    #[test]
    fn only_https_addresses_from_an_order_become_links(url in "(javascript|data|http|HTTPS|https|//|)[:/a-z\"<> .]{0,20}") {
        let item = Item { name: "Tea".into(), url: Some(url.clone()), image: Some(url), ..Item::default() };
        let mail = InvitationMail { items: vec![item], ..samples().swap_remove(0).mail };
        let html = invitation(&mail).html;
        for address in addresses(&html) {
            prop_assert!(address.starts_with("https://"), "{}", address);
        }
    }
}
