//! The review form: behind an invitation's link, and open to everybody.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use domain::{
    InvitationId, Item, ProductReview, Review, ReviewId, ShopId, Stars,
    review::{
        Label, Opinion, PRODUCT_TEXT_MAX_CHARS, Product, TEXT_MAX_CHARS, TITLE_MAX_CHARS, products,
    },
    text::NAME_MAX_CHARS,
    token::Purpose,
};
use jiff::SignedDuration;
use metrics::counter;
use queue::{Channel, Wakeup};
use store::reviews::{Invited, Submitted};
use templates::{FormError, FormValues, Language, Page, ProductValues, ReviewForm};

use crate::{
    Receiver,
    form::{self, ReviewFields},
    pages::{self, buyers_language, no_such_page, page, shop_context, visitors_language},
};

/// The largest open form, in bytes: the longest review in characters of four bytes, each escaped
/// threefold, fits.
const ORGANIC_LIMIT: usize = 96 * 1024;

/// The largest form behind a link, in bytes: with the longest opinions of thirty products, too.
const INVITED_LIMIT: usize = 800 * 1024;

/// How long an open page can be submitted. People leave tabs open.
const STAMP_VALID: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(crate) async fn show_invited(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let link = match Link::open(&receiver, token, &headers).await {
        Ok(link) => link,
        Err(response) => return response,
    };
    let stars = query.as_deref().and_then(preselected);
    if let (true, Some(stars)) = (failpoint::bug("get_submits"), stars) {
        let opinion = Opinion {
            stars,
            title: String::new(),
            text: String::new(),
            display_name: String::new(),
        };
        let submission = Submission { opinion, products: vec![], by_program: false };
        let review = submission.review(&receiver, link.invited.shop.clone(), Some(link.id));
        if let Err(error) = receiver.store.submit_review(&review).await {
            tracing::warn!(%error, "not even the bug works");
        }
    }
    link.form(&receiver, FormValues { stars, ..FormValues::default() }, vec![])
}

/// The star that a mail's link asks for: `stars=4`. It is shown as chosen, and nothing more.
fn preselected(query: &str) -> Option<Stars> {
    let (_, stars) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "stars")?;
    stars.parse::<u8>().ok()?.try_into().ok()
}

pub(crate) async fn submit_invited(
    State(receiver): State<Arc<Receiver>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let link = match Link::open(&receiver, token, &headers).await {
        Ok(link) => link,
        Err(response) => return response,
    };
    let asked =
        Asked { stamp: &link.token, items: &link.invited.order.order.items, limit: INVITED_LIMIT };
    let submission = match Submission::read(&receiver, body, asked).await {
        Ok(submission) => submission,
        Err((values, errors)) => return link.form(&receiver, values, errors),
    };
    let shop = link.invited.shop.clone();
    let review = submission.review(&receiver, shop, Some(link.id));
    match receiver.store.submit_review(&review).await {
        Ok(Submitted::Stored(id)) => {
            counter!("afs_reviews_total", "shop" => review.shop.to_string(), "origin" => "invited")
                .increment(1);
            tracing::info!(review = %id, invitation = %link.id, shop = %review.shop, "review stored");
            wake_verifier(&receiver, id).await;
            let (shop, stars) = (link.shop(&receiver), review.opinion.stars);
            let thanks = Page::Thanks { shop, stars, label: Label::Pending };
            page(&receiver, StatusCode::OK, &link.language, &thanks)
        }
        // Somebody submitted in parallel: what they are shown is what is on record.
        Ok(Submitted::AlreadyThere) => match Link::open(&receiver, link.token, &headers).await {
            Ok(link) => link.form(&receiver, FormValues::default(), vec![]),
            Err(response) => response,
        },
        Err(error) => pages::failure(&receiver, &link.language, &error),
    }
}

async fn wake_verifier(receiver: &Receiver, review: ReviewId) {
    let wakeup = Wakeup { id: review.0, group: String::new(), due_at: receiver.now() };
    if let Err(error) = receiver.queue.wake(Channel::Reviews, &[wakeup]).await {
        counter!("afs_queue_errors_total").increment(1);
        tracing::warn!(%review, %error, "the queue did not take a wake-up; the reconciler will");
    }
}

/// A review link that leads to a form.
struct Link {
    token: String,
    id: InvitationId,
    invited: Invited,
    language: Language,
}

impl Link {
    /// Opens a link, or says what to show instead of the form.
    async fn open(
        receiver: &Receiver,
        token: String,
        headers: &HeaderMap,
    ) -> Result<Self, Response> {
        let Some(id) = receiver.keys.open(Purpose::Review, &token) else {
            return Err(no_such_page(receiver, headers));
        };
        let invited = receiver.store.invited(id).await.map_err(|error| {
            pages::failure(receiver, &visitors_language(receiver, headers), &error)
        })?;
        let Some(invited) = invited else { return Err(no_such_page(receiver, headers)) };
        let Some(first_attempt_at) = invited.first_attempt_at else {
            return Err(no_such_page(receiver, headers));
        };
        let config = receiver.config.load();
        let shop = config.shop(&invited.shop);
        let language = buyers_language(receiver, invited.order.order.locale.as_deref(), shop);
        let link = Self { token, id, invited, language };
        if let Some((stars, label)) = link.invited.review {
            let shop = link.shop(receiver);
            let done = Page::AlreadyReviewed { shop, stars, label };
            return Err(page(receiver, StatusCode::OK, &link.language, &done));
        }
        let age = receiver.now().duration_since(first_attempt_at);
        if shop.is_none_or(|shop| age > shop.link_valid) {
            return Err(page(receiver, StatusCode::GONE, &link.language, &Page::LinkExpired));
        }
        Ok(link)
    }

    fn shop(&self, receiver: &Receiver) -> templates::Shop {
        shop_context(&self.invited.shop, receiver.config.load().shop(&self.invited.shop))
    }

    fn form(&self, receiver: &Receiver, values: FormValues, errors: Vec<FormError>) -> Response {
        let order = &self.invited.order.order;
        let later = receiver.keys.token(Purpose::Later, self.id);
        let form = ReviewForm {
            shop: self.shop(receiver),
            order_number: order.number.clone(),
            items: order.items.clone(),
            // Relative, as all addresses on pages: a proxy may have put a path in front of ours.
            action: self.token.clone(),
            stamp: receiver.keys.stamp(&self.token, receiver.now()),
            values,
            errors,
            later_url: Some(format!("../l/{later}")),
            organic: false,
        };
        show_form(receiver, &self.language, form)
    }
}

pub(crate) async fn show_organic(
    State(receiver): State<Arc<Receiver>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
) -> Response {
    match Organic::open(&receiver, &shop, &headers) {
        Ok(organic) => organic.form(&receiver, FormValues::default(), vec![]),
        Err(response) => response,
    }
}

pub(crate) async fn submit_organic(
    State(receiver): State<Arc<Receiver>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let organic = match Organic::open(&receiver, &shop, &headers) {
        Ok(organic) => organic,
        Err(response) => return response,
    };
    let asked = Asked { stamp: &organic.subject(), items: &[], limit: ORGANIC_LIMIT };
    let submission = match Submission::read(&receiver, body, asked).await {
        Ok(submission) => submission,
        Err((values, errors)) => return organic.form(&receiver, values, errors),
    };
    let stars = submission.opinion.stars;
    if submission.by_program {
        counter!("afs_reviews_refused_total", "reason" => "honeypot").increment(1);
    } else if !receiver.guard.admits_review(&organic.id) {
        counter!("afs_reviews_refused_total", "reason" => "flood").increment(1);
        return pages::busy(&receiver, StatusCode::TOO_MANY_REQUESTS, &organic.language, "60");
    } else {
        let review = submission.review(&receiver, organic.id.clone(), None);
        match receiver.store.submit_review(&review).await {
            Ok(Submitted::Stored(id)) => {
                counter!("afs_reviews_total", "shop" => organic.id.to_string(), "origin" => "organic")
                    .increment(1);
                tracing::info!(review = %id, shop = %organic.id, "organic review stored");
            }
            Ok(Submitted::AlreadyThere) => {}
            Err(error) => return pages::failure(&receiver, &organic.language, &error),
        }
    }
    // Programs that fill in everything are thanked too: they need not learn what gave them away.
    let thanks = Page::Thanks { shop: organic.shop, stars, label: Label::Organic };
    page(&receiver, StatusCode::OK, &organic.language, &thanks)
}

/// The form that is open to everybody.
struct Organic {
    id: ShopId,
    shop: templates::Shop,
    language: Language,
}

impl Organic {
    fn open(receiver: &Receiver, shop: &str, headers: &HeaderMap) -> Result<Self, Response> {
        let config = receiver.config.load();
        let settings = shop.parse().ok().and_then(|id| config.shop(&id));
        let Some(settings) = settings else { return Err(no_such_page(receiver, headers)) };
        Ok(Self {
            id: settings.id.clone(),
            shop: shop_context(&settings.id, Some(settings)),
            language: visitors_language(receiver, headers),
        })
    }

    /// What the form's stamp is for.
    fn subject(&self) -> String {
        format!("organic {}", self.id)
    }

    fn form(&self, receiver: &Receiver, values: FormValues, errors: Vec<FormError>) -> Response {
        let form = ReviewForm {
            shop: self.shop.clone(),
            action: self.id.to_string(),
            stamp: receiver.keys.stamp(&self.subject(), receiver.now()),
            values,
            errors,
            later_url: None,
            organic: true,
            ..ReviewForm::default()
        };
        show_form(receiver, &self.language, form)
    }
}

fn show_form(receiver: &Receiver, language: &Language, form: ReviewForm) -> Response {
    let status =
        if form.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(receiver, status, language, &Page::ReviewForm(Box::new(form)))
}

/// What a form asks for.
struct Asked<'a> {
    /// What its stamp is for.
    stamp: &'a str,
    /// What the order holds now. It may have changed since the form was shown.
    items: &'a [Item],
    /// The largest body, in bytes.
    limit: usize,
}

/// A form that was filled in as it should be.
struct Submission {
    opinion: Opinion,
    products: Vec<ProductReview>,
    /// The field that people do not see was filled in.
    by_program: bool,
}

impl Submission {
    /// Reads a form, or says what to show again with which errors.
    async fn read(
        receiver: &Receiver,
        body: Body,
        asked: Asked<'_>,
    ) -> Result<Self, (FormValues, Vec<FormError>)> {
        let Some(body) = form::read(receiver, body, asked.limit).await else {
            return Err((FormValues::default(), vec![FormError::TextTooLong]));
        };
        let ReviewFields { values, stamp, by_program } = ReviewFields::parse(&body);
        let stamped = receiver.keys.check_stamp(&stamp, asked.stamp, STAMP_VALID, receiver.now());
        let products = products(asked.items);
        let errors = errors(&values, &products, stamped);
        match values.stars {
            Some(stars) if errors.is_empty() => {
                let products = product_reviews(&values, &products);
                let FormValues { title, text, name, .. } = values;
                let opinion = Opinion { stars, title, text, display_name: name }.cleaned();
                Ok(Self { opinion, products, by_program })
            }
            _ => Err((values, errors)),
        }
    }

    fn review(self, receiver: &Receiver, shop: ShopId, invitation: Option<InvitationId>) -> Review {
        let Self { opinion, products, by_program: _ } = self;
        let submitted_at = receiver.now();
        let id = ReviewId::derive(submitted_at, &shop, &opinion);
        Review { id, shop, invitation, opinion, products, submitted_at }
    }
}

/// What is wrong with a form, in the order of its fields.
fn errors(values: &FormValues, products: &[Product<'_>], stamped: bool) -> Vec<FormError> {
    let of_shop = [
        (!stamped, FormError::Expired),
        (values.stars.is_none(), FormError::StarsMissing),
        (is_longer(&values.title, TITLE_MAX_CHARS), FormError::TitleTooLong),
        (is_longer(&values.text, TEXT_MAX_CHARS), FormError::TextTooLong),
        (is_longer(&values.name, NAME_MAX_CHARS), FormError::NameTooLong),
    ];
    let of_products = products.iter().flat_map(|product| {
        let written = values.products.get(&product.key);
        let (rated, text) =
            written.map_or((false, ""), |written| (written.stars.is_some(), &*written.text));
        [
            (!rated && !text.trim().is_empty(), FormError::ProductStarsMissing(product.key)),
            (is_longer(text, PRODUCT_TEXT_MAX_CHARS), FormError::ProductTextTooLong(product.key)),
        ]
    });
    let all = of_shop.into_iter().chain(of_products);
    all.filter_map(|(wrong, error)| wrong.then_some(error)).collect()
}

/// Browsers send two characters for each line break that they count as one.
fn is_longer(text: &str, max_chars: usize) -> bool {
    text.replace("\r\n", "\n").chars().count() > max_chars
}

/// What was written about products that are in the order.
fn product_reviews(values: &FormValues, products: &[Product<'_>]) -> Vec<ProductReview> {
    let rated = products.iter().filter_map(|&product| {
        let ProductValues { stars, text } = values.products.get(&product.key)?;
        stars.map(|stars| ProductReview::new(product, stars, text))
    });
    rated.collect()
}

#[cfg(test)]
mod tests {
    use domain::ProductKey;

    use super::*;

    fn item(name: &str) -> Item {
        Item { name: name.into(), ..Item::default() }
    }

    fn said(of: &[(&str, u8, &str)]) -> FormValues {
        let values = of.iter().map(|&(name, stars, text)| {
            let stars = Stars::try_from(stars).ok();
            (ProductKey::of(&item(name)), ProductValues { stars, text: text.into() })
        });
        let stars = Stars::try_from(5).ok();
        FormValues { stars, products: values.collect(), ..FormValues::default() }
    }

    fn kept(values: &FormValues, items: &[Item]) -> Vec<(u8, String, u8, String)> {
        product_reviews(values, &products(items))
            .into_iter()
            .map(|review| (review.position, review.name, review.stars.into(), review.text))
            .collect()
    }

    #[test]
    fn an_opinion_stays_with_its_product_when_the_order_changes_meanwhile() {
        let values = said(&[("Tea", 4, "Fresh."), ("Pot", 1, "Leaks."), ("Cup", 0, "")]);
        let tea = |position| (position, "Tea".to_owned(), 4, "Fresh.".to_owned());
        let pot = |position| (position, "Pot".to_owned(), 1, "Leaks.".to_owned());
        assert_eq!(kept(&values, &["Tea", "Pot", "Cup"].map(item)), [tea(0), pot(1)]);
        assert_eq!(kept(&values, &["Jug", "Pot", "Tea"].map(item)), [pot(1), tea(2)]);
        let changed = ["Jug", "Tea"].map(item);
        assert_eq!(kept(&values, &changed), [tea(1)], "the pot is gone, and nothing else");
        assert_eq!(errors(&values, &products(&changed), true), [], "the rest still stands");
    }

    #[test]
    fn a_text_needs_stars_and_an_end() {
        let long = "x".repeat(PRODUCT_TEXT_MAX_CHARS);
        let values = said(&[
            ("Tea", 0, "Fresh."),
            ("Pot", 0, " \n "),
            ("Cup", 3, &format!("{long}\r\n")),
            ("Jug", 3, &long),
        ]);
        let items = ["Tea", "Pot", "Cup", "Jug"].map(item);
        assert_eq!(
            errors(&values, &products(&items), true),
            [
                FormError::ProductStarsMissing(ProductKey::of(&items[0])),
                FormError::ProductTextTooLong(ProductKey::of(&items[2])),
            ]
        );
        assert_eq!(errors(&values, &[], true), [], "an open form asks about the shop only");
    }
}
