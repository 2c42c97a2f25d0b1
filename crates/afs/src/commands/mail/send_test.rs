//! `afs mail send-test`: one sample mail.

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use config::{Config, ShopSettings};
use domain::{EmailAddress, Item, ShopId};
use jiff::Timestamp;
use mail::{Mailbox, Message};
use templates::{InvitationMail, MailKind, RenderedMail, Shop, Templates, samples};

use crate::{
    commands::say,
    dkim, lifecycle,
    services::{load_templates, open_transport, system_clock},
};

#[derive(Args)]
pub(crate) struct SendTestArgs {
    /// Who gets it
    #[arg(value_name = "ADDRESS", value_parser = address)]
    to: EmailAddress,
    /// The shop it comes from, as in the configuration [default: the only one]
    #[arg(long, value_name = "ID")]
    shop: Option<ShopId>,
    /// Which mail
    #[arg(long, value_enum, default_value_t = SentKind::Invitation)]
    kind: SentKind,
    /// The language [default: the shop's]
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// A variant of the mail, as `short` for the templates in mail/invitation.short
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SentKind {
    Invitation,
    Reminder,
}

impl From<SentKind> for MailKind {
    fn from(kind: SentKind) -> Self {
        match kind {
            SentKind::Invitation => Self::Invitation,
            SentKind::Reminder => Self::Reminder,
        }
    }
}

fn address(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|error| error.to_string())
}

pub(crate) fn send_test(args: &SendTestArgs, config: &Config) -> anyhow::Result<()> {
    let shop = shop(args.shop.as_ref(), config)?;
    let templates = load_templates(config)?;
    let written = sample(shop, &config.server.public_url);
    let rendered = render(args, shop, &written, &templates)?;
    let message = Message {
        dkim: dkim::of(shop)?,
        ..message(args, shop, written, rendered, (system_clock())())
    };
    let outgoing = mail::compose(&message)?;
    lifecycle::runtime()?.block_on(async {
        let transport = open_transport(config)?;
        let sent = transport.send(&outgoing).await;
        transport.close().await;
        say(format_args!("taken: {}", sent?.reply));
        Ok(())
    })
}

fn shop<'a>(wanted: Option<&ShopId>, config: &'a Config) -> anyhow::Result<&'a ShopSettings> {
    if let Some(id) = wanted {
        return config
            .shop(id)
            .with_context(|| format!("there is no shop `{id}` in the configuration"));
    }
    let mut shops = config.shops.values();
    let shop = shops.next().context("there is no shop in the configuration")?;
    ensure!(shops.next().is_none(), "there are several shops: say which with --shop");
    Ok(shop)
}

/// A made-up order of this shop. The links have no token, so they open nothing.
fn sample(shop: &ShopSettings, public_url: &str) -> InvitationMail {
    let mail = samples().swap_remove(0).mail;
    let link = |kind: &str| format!("{public_url}/{kind}/sample");
    InvitationMail {
        shop: Shop {
            name: shop.name.clone(),
            website: shop.website.clone(),
            postal_address: shop.sender.postal_address.clone(),
            ..Shop::default()
        },
        // Their pages and pictures are nowhere.
        items: mail.items.into_iter().map(|item| Item { url: None, image: None, ..item }).collect(),
        review_url: link("r"),
        later_url: Some(link("l")),
        unsubscribe_url: link("u"),
        ..mail
    }
}

fn render(
    args: &SendTestArgs,
    shop: &ShopSettings,
    written: &InvitationMail,
    templates: &Templates,
) -> anyhow::Result<RenderedMail> {
    let language = templates.language(args.language.as_deref(), &shop.language);
    let variant = args.variant.as_deref();
    if let Some(variant) = variant {
        let known: Vec<_> = templates.variants().collect();
        ensure!(
            known.contains(&variant),
            "there is no variant `{variant}`, but {}",
            known.join(", ")
        );
    }
    let kind = MailKind::from(args.kind);
    say(format_args!("{} of {} in {}", kind.as_str(), shop.id, language.tag()));
    Ok(templates.invitation(&language, kind, variant, written)?)
}

/// The message, with what a real one has in its head.
fn message(
    args: &SendTestArgs,
    shop: &ShopSettings,
    written: InvitationMail,
    rendered: RenderedMail,
    now: Timestamp,
) -> Message {
    let sender = &shop.sender;
    Message {
        id: format!("test-{}", now.as_millisecond()),
        date: now,
        from: Mailbox { name: Some(sender.name.clone()), address: sender.address.clone() },
        return_path: None,
        reply_to: sender.reply_to.clone(),
        to: Mailbox { name: written.buyer_name, address: args.to.clone() },
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        unsubscribe: Some(written.unsubscribe_url),
        unsubscribe_mailto: None,
        list_id: Some(format!("{}.reviews.{}", shop.id, sender.address.host())),
        feedback_id: Some(format!("test:{}", shop.id)),
        dkim: None,
    }
}
