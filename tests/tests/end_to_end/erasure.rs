//! A person who wants to be forgotten is, wherever the address stands; what is old is forgotten unasked;
//! and who wants no mail stays known without an address.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{EmailAddress, Fulfilment, OrderEvent};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{
    installation::{Profile, Setup},
    on_both_profiles,
    servers::eventually,
    shop::{COFFEE, PAPER, TEA, address, completed, now},
};

on_both_profiles! {
    an_erased_person_leaves_no_trace_but_a_hash,
    what_is_old_is_forgotten_and_what_is_needed_stays,
    a_suppression_list_goes_in_and_out,
}

const ADDRESS: &str = "ananas.vertraulich+shop@geheim.example";
const SHOUTED: &str = "Ananas.VERTRAULICH+Shop@geheim.example";
const NAME: &str = "Ananas Vertraulich";

fn order(reference: u32, email: &str) -> OrderEvent {
    let mut event = completed(reference);
    event.order.email = EmailAddress::parse(email).ok();
    event.order.name = Some(NAME.into());
    event
}

/// The same order, told again some time later, as one event and not the same.
fn told_again(reference: u32, email: &str) -> OrderEvent {
    let mut event = order(reference, email);
    event.at = now().checked_add(SignedDuration::from_secs(2)).ok();
    event.order.fulfilment = Fulfilment::Delivered;
    event
}

/// What would give the person away, as it may stand anywhere: plain (found in any case), percent-encoded,
/// and in base64 whatever stands before it.
fn traces() -> (Vec<String>, Vec<String>) {
    let texts = [ADDRESS, "ananas.vertraulich", "vertraulich", "geheim.example", NAME];
    let plain = texts.iter().flat_map(|text| {
        let percent = text.replace('@', "%40").replace('+', "%2b").replace(' ', "%20");
        [text.to_lowercase(), percent.to_lowercase(), text.to_lowercase().replace(' ', "+")]
    });
    let written = [ADDRESS, SHOUTED, NAME, "ananas.vertraulich", "Vertraulich", "VERTRAULICH"];
    let base64 = written.iter().flat_map(|text| {
        (0..3).map(move |shift| {
            let encoded = STANDARD.encode(format!("{}{text}", "x".repeat(shift)));
            // Without the characters that depend on what stands beside it.
            let (from, to) = ((shift * 8).div_ceil(6), (shift + text.len()) * 8 / 6);
            encoded[from..to].to_owned()
        })
    });
    (plain.collect(), base64.collect())
}

/// Where a trace of the person stands.
fn traces_in(stored: &BTreeMap<std::path::PathBuf, Vec<u8>>) -> Vec<String> {
    let (plain, base64) = traces();
    let mut found = Vec::new();
    for (path, bytes) in stored {
        let text = String::from_utf8_lossy(bytes);
        let lower = text.to_lowercase();
        let plain = plain.iter().filter(|trace| lower.contains(*trace));
        let base64 = base64.iter().filter(|trace| text.contains(*trace));
        found.extend(plain.chain(base64).map(|trace| format!("{trace} in {}", path.display())));
    }
    found
}

fn printed(output: std::process::Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn an_erased_person_leaves_no_trace_but_a_hash(profile: Profile) {
    let mut afs = Setup::new(profile).set("shops.tea.invitations.delay_secs", 1800).start().await;

    // Mailed and reviewed.
    afs.web.deliver(&COFFEE.webhook(&order(1, ADDRESS))).await;
    let mail = afs.mail_to(ADDRESS).await;
    let text = format!("Write to me: {SHOUTED}.");
    let form = afs.web.get(&mail.review_link()).await.form();
    let form = form.with("stars", "4").with("text", &text).with("name", NAME);
    assert_eq!(afs.web.submit(&form).await.status, 200);
    eventually("the review is verified", async || afs.status().reviews("verified") == 1).await;
    // Mailed, before the order got another address.
    afs.web.deliver(&PAPER.webhook(&order(3, ADDRESS))).await;
    afs.until_sent(2).await;
    let mut readdressed = told_again(3, "someone.else@example.com");
    readdressed.order.name = Some("Someone Else".into());
    afs.web.deliver(&PAPER.webhook(&readdressed)).await;
    // Waiting, as somebody else's does.
    afs.web.deliver(&TEA.webhook(&order(2, SHOUTED))).await;
    afs.web.deliver(&TEA.webhook(&completed(9))).await;
    // Unread: as it is, and escaped.
    let genuine = TEA.webhook(&completed(10));
    let plain = json!({ "id": [], "billing": { "email": SHOUTED, "first_name": NAME } });
    let escaped = json!({ "id": {}, "billing": { "email": ADDRESS, "first_name": NAME } });
    let escaped = escaped.to_string().replace('@', r"\u0040").replace("anas", r"\u0061nas");
    let strangers = json!({ "id": [], "billing": { "email": address(11) } });
    for body in [plain.to_string(), escaped, strangers.to_string()] {
        assert_eq!(afs.web.post(&TEA.signed(body.as_bytes(), &genuine)).await.status, 200);
    }
    assert_eq!(afs.status().unread(), 3);
    // In a file.
    afs.set("mail.transport", "file");
    afs.worker().kill();
    afs.worker().start_again().await;
    afs.web.deliver(&COFFEE.webhook(&order(4, ADDRESS))).await;
    afs.until_sent(3).await;
    let before = traces_in(&afs.everything_stored());
    assert!(before.len() > 10, "the search finds what is there: {before:?}");
    assert!(before.iter().any(|trace| trace.contains(".eml")), "{before:?}");

    let export = printed(afs.afs(&["privacy", "export", "--email", SHOUTED]));
    let export: Value = serde_json::from_str(&export).unwrap();
    let orders = |shop: &str| export["orders"][shop].as_array().map_or(0, Vec::len);
    assert_eq!((orders("coffee"), orders("tea"), orders("paper")), (2, 1, 0), "{export}");
    assert_eq!(export["unread_webhooks"].as_array().unwrap().len(), 2, "{export}");
    assert_eq!(export["mail_files"].as_array().unwrap().len(), 1, "{export}");

    let receipt = printed(afs.afs_reading(&["privacy", "erase", "--email", "-"], ADDRESS));
    let left = traces_in(&afs.everything_stored());
    assert!(left.is_empty(), "{left:#?}");
    let receipt: Value = serde_json::from_str(&receipt).unwrap();
    let erased = &receipt["erased"];
    for (kind, count) in [
        ("orders", 3),
        ("invitations", 1),
        ("authors", 1),
        ("review_texts", 1),
        ("unread_webhooks", 2),
        ("mail_files", 1),
    ] {
        assert_eq!(erased[kind], count, "{kind}: {erased}");
    }
    let (id, hash) = (receipt["id"].as_str().unwrap(), receipt["recipient"].as_str().unwrap());
    let again: Value =
        serde_json::from_str(&printed(afs.afs(&["privacy", "receipt", id]))).unwrap();
    assert_eq!(again, receipt);
    assert!(printed(afs.afs(&["privacy", "receipts"])).contains(hash));
    let status = afs.status();
    assert_eq!((status.orders(), status.unread(), status.suppressions()), (5, 1, 1));
    assert_eq!(status.invitations("scheduled"), 1, "nobody else is erased");

    // What the platform tells again brings nothing back, and a new order invites nobody.
    afs.web.deliver(&COFFEE.webhook(&told_again(1, ADDRESS))).await;
    afs.web.deliver(&TEA.webhook(&told_again(2, ADDRESS))).await;
    let left = traces_in(&afs.everything_stored());
    assert!(left.is_empty(), "{left:#?}");
    afs.web.deliver(&COFFEE.webhook(&order(5, SHOUTED))).await;
    eventually("the new one ends", async || afs.status().invitations("suppressed") == 1).await;
    assert_eq!(afs.status().invitations("sent"), 3);
    let checked = printed(afs.afs_reading(&["suppression", "check"], ADDRESS));
    assert!(checked.contains("no mail from any shop: erased"), "{checked}");
}

async fn what_is_old_is_forgotten_and_what_is_needed_stays(profile: Profile) {
    let mut afs = Setup::new(profile).set("shops.tea.invitations.delay_secs", 1800).start().await;
    afs.web.deliver(&COFFEE.webhook(&order(1, ADDRESS))).await;
    afs.web.deliver(&PAPER.webhook(&completed(2))).await;
    afs.web.deliver(&TEA.webhook(&completed(3))).await;
    afs.until_sent(2).await;
    // The link of the first has run out, and some more days have gone; the third waits for long.
    let days = |days: i64| days * 24 * 3600 * 1000;
    let (first, waits) = (days(90 + 30 + 1), days(365));
    afs.change_record(format!(
        "UPDATE orders SET changed_at = changed_at - {first} WHERE order_ref = '1';
         UPDATE invitations SET first_attempt_at = first_attempt_at - {first} WHERE order_ref = '1';
         UPDATE orders SET changed_at = changed_at - {waits} WHERE order_ref = '3'"
    ))
    .await;
    afs.worker().kill();
    afs.worker().start_again().await;
    let told = r#"afs_forgotten_total{kind="orders"} 1"#;
    eventually("it is forgotten", async || afs.metrics().await.contains(told)).await;
    let export =
        |shop, order| printed(afs.afs(&["privacy", "export", "--shop", shop, "--order", order]));
    assert!(!export("coffee", "1").contains("vertraulich"), "{}", export("coffee", "1"));
    assert!(export("paper", "2").contains(&address(2)) && export("tea", "3").contains(&address(3)));
    afs.web.deliver(&COFFEE.webhook(&told_again(1, ADDRESS))).await;
    assert!(!export("coffee", "1").contains("vertraulich"), "what is told again is not taken in");
    assert_eq!(afs.status().invitations("sent"), 2);
}

async fn a_suppression_list_goes_in_and_out(profile: Profile) {
    let afs = Setup::new(profile).start().await;
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list.csv");
    let file = list.to_str().unwrap();
    // As SendGrid exports bounces, with a reason that quotes the address.
    let rows = [
        "\u{feff}status,reason,Email,created".to_owned(),
        format!("5.1.1,\"550 no <{}>\",{},1700000000", address(1), address(1).to_uppercase()),
        "5.1.1,,not an address,1700000000".to_owned(),
        format!("5.1.1,hard_bounce,{},yesterday", address(2)),
        format!("5.1.1,hard_bounce,{},1700000000", address(3)),
    ];
    fs_err::write(&list, rows.join("\r\n")).unwrap();
    let import = || afs.afs(&["suppression", "import", file]);
    for stored in [2, 0] {
        let imported = import();
        assert_eq!(imported.status.code(), Some(1), "some rows could not be read");
        let said = String::from_utf8(imported.stdout).unwrap();
        assert!(said.starts_with(&format!("imported {stored} of 4")), "{said}");
        let told = String::from_utf8(imported.stderr).unwrap();
        for error in [
            "line 3, column email: not an e-mail address",
            "line 4, column created: not a time",
            "2 of 4 rows could not be read",
        ] {
            assert!(told.contains(error), "{told}");
        }
        assert!(!told.contains("example.com"), "{told}");
    }
    let said = printed(afs.afs_reading(&["suppression", "add", "--scope", "tea"], &address(4)));
    assert!(said.starts_with("added 1 of 1"), "{said}");

    // Everybody on the list gets no mail; the fourth none from that shop.
    for (shop, reference) in [(COFFEE, 1), (COFFEE, 3), (TEA, 4), (PAPER, 5)] {
        afs.web.deliver(&shop.webhook(&completed(reference))).await;
    }
    eventually("three end", async || afs.status().invitations("suppressed") == 3).await;
    afs.until_sent(1).await;

    let export = || printed(afs.afs(&["suppression", "export"]));
    let exported = export();
    let lines: Vec<&str> = exported.lines().collect();
    assert_eq!((lines[0], lines.len()), ("hash,scope,reason,created_at,expires_at", 4));
    assert!(lines[1..].is_sorted() && !exported.contains('@'), "{exported}");
    assert!(exported.contains(",*,hard_bounce,2023-11-14T22:13:20Z,"), "{exported}");
    assert!(exported.contains(",*,imported,") && exported.contains(",tea,operator,"), "{exported}");

    let removal = ["suppression", "remove", &address(1), &address(4), &address(5)];
    let said = printed(afs.afs(&removal));
    assert!(
        said.contains("would be removed with --yes: no mail from any shop: imported"),
        "{said}"
    );
    assert_eq!(export(), exported, "nothing was removed yet");
    let said = printed(afs.afs(&[&removal[..], &["--yes"]].concat()));
    assert!(said.contains("removed: no mail from tea: operator"), "{said}");
    assert!(said.contains("buyer-5@example.com: there is no such entry"), "{said}");
    assert_eq!(afs.status().suppressions(), 1);
    fs_err::write(&list, &exported).unwrap();
    assert!(printed(import()).starts_with("imported 2 of 3; 1 were there already"));
    assert_eq!(export(), exported, "as it was");
}
