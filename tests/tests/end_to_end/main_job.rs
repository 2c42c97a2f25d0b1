//! A signed order becomes one mail, and the review it leads to is verified.

use domain::OrderEvent;
use tests::{
    installation::{Installation, Profile},
    on_both_profiles,
    servers::eventually,
    shop::{COFFEE, PAPER, Shop, TEA, address, completed},
};

on_both_profiles! {
    an_order_of_each_platform_becomes_one_mail_whose_link_leads_to_a_verified_review,
}

struct Buyer {
    shop: Shop,
    order: u32,
    /// As the platform spells the buyer's language. The shops' own is English.
    locale: &'static str,
    subject: &'static str,
    verified: &'static str,
}

const BUYERS: [Buyer; 3] = [
    Buyer {
        shop: COFFEE,
        order: 1001,
        locale: "sv-SE",
        subject: "Hur gick det med din beställning från Coffee Corner?",
        verified: "Det är märkt som verifierat",
    },
    Buyer {
        shop: TEA,
        order: 1002,
        locale: "de_DE",
        subject: "Wie war Ihre Bestellung bei Tea Time?",
        verified: "Sie ist als verifiziert gekennzeichnet",
    },
    Buyer {
        shop: PAPER,
        order: 1003,
        locale: "en",
        subject: "How was your order from Paper Place?",
        verified: "It is marked as verified",
    },
];

async fn an_order_of_each_platform_becomes_one_mail_whose_link_leads_to_a_verified_review(
    profile: Profile,
) {
    let afs = Installation::start(profile).await;

    for buyer in &BUYERS {
        let answer = afs.web.post(&buyer.shop.webhook(&buyer.order())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    for (done, buyer) in (0..).zip(&BUYERS) {
        let mail = afs.mail_to(&address(buyer.order)).await;
        assert_eq!(mail.envelope_from, "reviews@afs.example");
        assert_eq!(mail.subject(), buyer.subject);
        let link = mail.review_link();
        let stop = mail.unsubscribe_link();
        assert_eq!(mail.header("List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
        assert!(mail.text().contains(&stop) && mail.html().contains(&stop));
        for stars in 1..=5 {
            assert!(mail.html().contains(&format!("{link}?stars={stars}")), "{stars} stars");
        }

        let page = afs.web.get(&format!("{link}?stars=4")).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Mörkrost 500 g"), "it shows what was bought");
        let form = page.form();
        assert_eq!(form.fields["stars"], "4", "the star of the mail is chosen");
        assert_eq!(afs.status().all_reviews(), done, "looking at the form changes nothing");

        let filled_in = form.with("title", "Gott").with("text", "Mycket gott.").with("name", "Å.");
        assert_eq!(afs.web.submit(&filled_in).await.status, 200);

        eventually("the page says that the review is verified", async || {
            afs.web.get(&link).await.text().contains(buyer.verified)
        })
        .await;
        assert_eq!(afs.status().reviews("verified"), done + 1);
    }

    assert_eq!(afs.status().invitations("sent"), 3, "nothing else waits to be sent");
    assert_eq!(afs.mails().len(), 3);
}

impl Buyer {
    fn order(&self) -> OrderEvent {
        let mut event = completed(self.order);
        event.order.locale = Some(self.locale.into());
        event
    }
}
