//! What people read: mails and pages, in every language.
//!
//! Templates ([minijinja]) hold the shape, Fluent files hold the words, and a template asks for its
//! words with `t("key", name = …)`. Both are built in; an operator's folder may replace a template
//! or an asset, change single texts, or add a language by adding one file:
//!
//! ```text
//! locales/<language>.ftl          every text
//! mail/layout.mjml                layout.txt: the shape of every mail
//! mail/invitation/subject.txt     body.txt  body.html
//! mail/invitation.<variant>/      what another version of it has different, for experiments
//! mail/reminder/                  the same for the reminder
//! pages/layout.html               and one file per page
//! assets/style.css                anything else here is served beside it
//! ```
//!
//! `X.mjml` stands for `X.html`: it is converted when it is loaded.
//!
//! What an operator changes is compiled, rendered and checked when it is loaded, so that a mistake is
//! found by the operator and not by a buyer. Text is escaped wherever HTML is written; there is no way
//! around it.

mod assets;
mod check;
mod files;
mod language;
mod lint;
mod mail;
mod mjml;
mod page;
mod problem;
mod render;
mod samples;
mod texts;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use minijinja::{Environment, Value};

pub use crate::{
    assets::Asset,
    language::{Direction, Language},
    mail::{InvitationMail, MailKind, RenderedMail, Shop},
    page::{Choice, FormError, FormValues, LATER_WEEKS, Page, ProductValues, ReviewForm},
    problem::{Problem, Problems, RenderError},
    samples::{Sample, samples},
};
use crate::{
    assets::Assets, files::Files, language::ENGLISH, mail::MailPart, problem::Findings,
    texts::Texts,
};

/// Every template in every language, checked.
#[derive(Debug)]
pub struct Templates {
    /// By language tag. English is always there.
    environments: BTreeMap<String, (Language, Environment<'static>)>,
    variants: BTreeSet<String>,
    assets: Assets,
    warnings: Vec<Problem>,
}

/// One file of [`Templates::previews`].
#[derive(Clone, Debug)]
pub struct Preview {
    /// Where it belongs, for example `sv/long-names/review.html`.
    pub path: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl Templates {
    /// Loads what is built in, and over it what `overrides` holds: a template or an asset there
    /// replaces the one of the same name, a language file there changes the texts it names.
    ///
    /// If there is anything in that folder, each template is rendered in each language for each of the
    /// [`samples()`], and what is wrong is reported all at once. What is built in passes the same checks
    /// in a test, and not at every start.
    pub fn load(overrides: Option<&Path>) -> Result<Self, Problems> {
        let mut findings = Findings::default();
        let files = Files::collect(overrides, &mut findings);
        let mut templates = Self::compile(&files, &mut findings);
        if !files.overrides.is_empty() {
            check::check(&templates, &files, &mut findings);
        }
        templates.warnings = findings.into_warnings()?;
        Ok(templates)
    }

    fn compile(files: &Files, findings: &mut Findings) -> Self {
        let environment = render::environment(files, findings);
        let environments = Texts::load(files, findings)
            .into_iter()
            .map(|texts| {
                let language = texts.language().clone();
                let environment = render::in_language(&environment, texts);
                (language.tag().to_owned(), (language, environment))
            })
            .collect();
        Self {
            environments,
            variants: mail::variants(files.names(files::is_template).into_iter()),
            assets: Assets::new(files),
            warnings: Vec::new(),
        }
    }

    /// What an operator should know although it stops nothing: texts that a language lacks and that
    /// appear in English, and files or texts that nothing uses.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The languages there are, by tag.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.environments.values().map(|(language, _)| language)
    }

    /// The language nearest to `wanted`, as a platform spells it (`sv`, `sv-SE`, `sv_SE`, `SV`);
    /// failing that the one nearest to `fallback`; failing that English.
    #[must_use]
    pub fn language(&self, wanted: Option<&str>, fallback: &str) -> Language {
        language::negotiate(self.languages(), wanted.into_iter().chain([fallback]))
    }

    /// The versions of mails beside the usual one, for experiments: `short` for a folder
    /// `mail/invitation.short` or `mail/reminder.short`.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(String::as_str)
    }

    /// The mail that asks a buyer to write a review. What a variant lacks, or all if there is none of
    /// this name, is as usual.
    pub fn invitation(
        &self,
        language: &Language,
        kind: MailKind,
        variant: Option<&str>,
        mail: &InvitationMail,
    ) -> Result<RenderedMail, RenderError> {
        let part = |part, context: &Value| {
            self.render(language, &self.mail_template(kind, variant, part), context)
        };
        let context = mail.context(None);
        // One line, whatever a template makes of it.
        let subject = domain::text::line(&part(MailPart::Subject, &context)?);
        let text = part(MailPart::Text, &context)?;
        let html = part(MailPart::Html, &mail.context(Some(&subject)))?;
        Ok(RenderedMail { subject, text, html })
    }

    /// The name of the template for one part of a mail.
    fn mail_template(&self, kind: MailKind, variant: Option<&str>, part: MailPart) -> String {
        let name = |variant| format!("{}/{}", kind.folder(variant), part.file());
        let own = name(variant);
        // Every language has the same templates.
        let has = |(_, environment): &(_, Environment<'_>)| environment.get_template(&own).is_ok();
        if self.environments.get(ENGLISH).is_some_and(has) { own } else { name(None) }
    }

    /// A page, complete with layout. It refers to its assets as `../assets/<name>`: it lies one step
    /// below the public address, wherever that is.
    pub fn page(&self, language: &Language, page: &Page) -> Result<String, RenderError> {
        self.page_with_assets_at("../assets/", language, page)
    }

    /// The file served as `/assets/<name>`. Its name changes with its content, so it may be cached
    /// for ever.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.get(name)
    }

    /// Everything there is to see, as files: each sample's mails and pages in each language, and the
    /// assets. The pages find the assets when the files are opened from a disk.
    pub fn previews(&self) -> Result<Vec<Preview>, RenderError> {
        let mut previews: Vec<Preview> = self
            .assets
            .iter()
            .map(|(name, asset)| preview(format!("assets/{name}"), asset.bytes.clone()))
            .collect();
        for language in self.languages() {
            for sample in samples() {
                let folder = format!("{}/{}", language.tag(), sample.name);
                for (kind, variant) in self.mails() {
                    let mail = self.invitation(language, kind, variant, &sample.mail)?;
                    let name = kind.folder(variant).replace("mail/", &format!("{folder}/"));
                    let text = format!("Subject: {}\n\n{}", mail.subject, mail.text);
                    previews.push(preview(format!("{name}.txt"), text));
                    previews.push(preview(format!("{name}.html"), mail.html));
                }
                for (name, page) in &sample.pages {
                    let html = self.page_with_assets_at("../../assets/", language, page)?;
                    previews.push(preview(format!("{folder}/{name}.html"), html));
                }
            }
        }
        Ok(previews)
    }

    /// Every mail there is: the usual ones, and the variants that differ from them.
    fn mails(&self) -> impl Iterator<Item = (MailKind, Option<&str>)> {
        let variants = || std::iter::once(None).chain(self.variants().map(Some));
        let mails = MailKind::ALL
            .into_iter()
            .flat_map(move |kind| variants().map(move |variant| (kind, variant)));
        mails.filter(|&(kind, variant)| {
            let differs = |&part: &MailPart| {
                self.mail_template(kind, variant, part) != self.mail_template(kind, None, part)
            };
            variant.is_none() || MailPart::ALL.iter().any(differs)
        })
    }

    fn page_with_assets_at(
        &self,
        base: &str,
        language: &Language,
        page: &Page,
    ) -> Result<String, RenderError> {
        self.render(language, page.template(), &page.context(self.assets.function(base)))
    }

    fn render(
        &self,
        language: &Language,
        template: &str,
        context: &Value,
    ) -> Result<String, RenderError> {
        // A language from other templates than these may be missing here.
        let (_, environment) = self
            .environments
            .get(language.tag())
            .or_else(|| self.environments.get(ENGLISH))
            .ok_or_else(|| RenderError::no_language(template))?;
        let rendered = environment.get_template(template).and_then(|it| it.render(context));
        rendered.map_err(|error| RenderError::new(template, &error))
    }
}

fn preview(path: String, content: impl Into<Vec<u8>>) -> Preview {
    Preview { path, content: content.into() }
}
