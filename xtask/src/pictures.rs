//! `cargo xtask pictures`: every mail and page as a real browser shows it.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use fs_err as fs;

use crate::shell::{self, say};

/// Any one of these takes the pictures.
const BROWSERS: [&str; 4] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What is pictured without `--all`: what most people read, and what runs the other way.
const LANGUAGES: [&str; 2] = ["en", "de"];

/// Browsers at work at a time: each takes some hundred MB.
const BROWSERS_MAX: usize = 4;

/// Taller mails and pages are cut off: no browser takes pictures of any height.
const HEIGHT_MAX: u32 = 8000;

/// As many pictures lie on one sheet as fit, two in a row, at this part of their size.
const SHEET_HEIGHT_MAX: u32 = 8000;

/// Pictures on sheets are 2.5 times smaller.
const SMALLER: u32 = 5;
const SMALL: u32 = 2;

/// Mails and pages that one page is made of to measure them.
const MEASURED_AT_ONCE: usize = 24;

/// What a picture shows side by side, in CSS pixels: a desk and a phone.
const WIDTHS: [u32; 2] = [1000, 375];

/// Between the two.
const GAP: u32 = 8;

/// A way to look at it.
struct View {
    name: &'static str,
    /// What the browser says of `prefers-color-scheme`: 0 is dark, 1 is light.
    scheme: u8,
}

const VIEWS: [View; 2] = [View { name: "light", scheme: 1 }, View { name: "dark", scheme: 0 }];

#[derive(Args)]
pub(crate) struct PicturesArgs {
    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = "target/pictures")]
    out: PathBuf,
    /// Every language, not only English and German
    #[arg(long)]
    all: bool,
    /// Only what has this in its path, as `normal/` or `en/hostile/invitation`
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// One mail or page, in all views.
struct Subject {
    /// Below the folder of previews, as `en/normal/review.html`.
    path: String,
    /// What it takes in the narrower view, in CSS pixels.
    height: u32,
}

pub(crate) fn run(args: &PicturesArgs) -> anyhow::Result<()> {
    let browser = BROWSERS.into_iter().find(|name| shell::exists(name)).with_context(|| {
        format!("no browser takes the pictures: install one of {}", BROWSERS.join(", "))
    })?;
    fs::create_dir_all(&args.out)?;
    let out = fs::canonicalize(&args.out)?;
    let previews = out.join("previews");
    write_previews(&previews, args.all)?;
    let mut subjects = subjects(&previews)?;
    if let Some(text) = &args.only {
        subjects.retain(|subject| subject.path.contains(text.as_str()));
    }
    ensure!(!subjects.is_empty(), "there is nothing to picture in {}", previews.display());
    measure(browser, &out, &mut subjects)?;
    take_pictures(browser, &out, &subjects)?;
    fs::write(out.join("index.html"), index(&subjects))?;
    for group in groups(&subjects) {
        contact_sheets(browser, &out, group)?;
    }
    say(&format!(
        "\n{} pictures: {}",
        subjects.len() * VIEWS.len(),
        out.join("index.html").display()
    ));
    Ok(())
}

fn write_previews(previews: &Path, all: bool) -> anyhow::Result<()> {
    // What an earlier run left may not be there any more.
    if previews.exists() {
        fs::remove_dir_all(previews)?;
    }
    let folder = previews.to_str().context("the path of the folder is not text")?;
    let mut arguments =
        vec!["run", "--quiet", "-p", "afs", "--bin", "afs", "--", "mail", "preview", "--all"];
    arguments.extend(["--out", folder]);
    if !all {
        arguments.extend(LANGUAGES.iter().flat_map(|tag| ["--language", tag]));
    }
    shell::run("cargo", &arguments)
}

/// Every HTML file two folders down, the ordinary sample first; of those that are alike, the first.
fn subjects(previews: &Path) -> anyhow::Result<Vec<Subject>> {
    let mut paths = Vec::new();
    for language in folders(previews)? {
        for sample in folders(&previews.join(&language))? {
            for file in fs::read_dir(previews.join(&language).join(&sample))? {
                let name = file?.file_name().to_string_lossy().into_owned();
                if Path::new(&name).extension().is_some_and(|ending| ending == "html") {
                    let order = (language.clone(), sample != "normal", sample.clone());
                    paths.push((order, format!("{language}/{sample}/{name}")));
                }
            }
        }
    }
    paths.sort();
    let mut seen = HashSet::new();
    let mut subjects = Vec::new();
    for (_, path) in paths {
        if seen.insert(fs::read(previews.join(&path))?) {
            subjects.push(Subject { path, height: 0 });
        }
    }
    Ok(subjects)
}

fn folders(of: &Path) -> anyhow::Result<Vec<String>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(folders)
}

/// Has the browser say how tall each subject is, at its tallest.
fn measure(browser: &str, out: &Path, subjects: &mut [Subject]) -> anyhow::Result<()> {
    let page = out.join("measured.html");
    for subjects in subjects.chunks_mut(MEASURED_AT_ONCE) {
        let frames = subjects.iter().flat_map(|subject| {
            let path = out.join("previews").join(&subject.path);
            WIDTHS.map(|width| {
                format!(
                    "<iframe width={width} height=1 src=\"file://{}\"></iframe>",
                    path.display()
                )
            })
        });
        let script = "onload = () => { document.body.textContent = Array.from(frames, \
                      frame => frame.document.documentElement.scrollHeight).join(); }";
        let html =
            format!("<!doctype html><body>{}<script>{script}</script>", frames.collect::<String>());
        fs::write(&page, html)?;
        let output = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--hide-scrollbars", "--timeout=20000"])
            .args(["--allow-file-access-from-files", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .args(["--dump-dom", &format!("file://{}", page.display())])
            .output()?;
        let dom = String::from_utf8_lossy(&output.stdout);
        let body = dom.split_once("<body>").and_then(|(_, rest)| rest.split_once("</body>"));
        let heights: Vec<u32> = body
            .map(|(body, _)| body.split(',').filter_map(|height| height.trim().parse().ok()))
            .into_iter()
            .flatten()
            .collect();
        ensure!(
            heights.len() == subjects.len() * WIDTHS.len(),
            "{browser} does not say how tall the pages are:\n{dom}"
        );
        for (subject, heights) in subjects.iter_mut().zip(heights.chunks(WIDTHS.len())) {
            subject.height = heights.iter().copied().max().unwrap_or(0).clamp(1, HEIGHT_MAX);
        }
    }
    Ok(fs::remove_file(page)?)
}

fn take_pictures(browser: &str, out: &Path, subjects: &[Subject]) -> anyhow::Result<()> {
    let share = subjects.len().div_ceil(browsers()).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = subjects
            .chunks(share)
            .enumerate()
            .map(|(number, share)| {
                scope.spawn(move || take_share(browser, out, share, number == 0))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("taking pictures panicked"),
        })
    })
}

fn browsers() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(BROWSERS_MAX)
}

fn take_share(browser: &str, out: &Path, share: &[Subject], speaks: bool) -> anyhow::Result<()> {
    for (done, subject) in share.iter().enumerate() {
        if speaks && done % 10 == 0 {
            say(&format!("{} % of the pictures", done * 100 / share.len()));
        }
        for view in &VIEWS {
            take_view(browser, out, subject, view)?;
        }
    }
    Ok(())
}

fn take_view(browser: &str, out: &Path, subject: &Subject, view: &View) -> anyhow::Result<()> {
    let picture = out.join(subject.picture(view));
    fs::create_dir_all(picture.parent().context("a folder")?)?;
    let previewed = out.join("previews").join(&subject.path);
    let frames = WIDTHS.map(|width| {
        let style = format!("width: {width}px; height: {}px; border: 0", subject.height);
        format!(
            "<iframe scrolling=\"no\" src=\"file://{}\" style=\"{style}\"></iframe>",
            previewed.display()
        )
    });
    let style = format!("display: flex; gap: {GAP}px; margin: 0; background: #888");
    let both = picture.with_extension("html");
    fs::write(&both, format!("<!doctype html>\n<body style=\"{style}\">{}", frames.concat()))?;
    let width = WIDTHS.iter().sum::<u32>() + GAP;
    take(browser, &both, &picture, (width, subject.height), view.scheme)?;
    Ok(fs::remove_file(both)?)
}

/// Has `browser` write what it shows of the file `page`.
fn take(
    browser: &str,
    page: &Path,
    picture: &Path,
    (width, height): (u32, u32),
    scheme: u8,
) -> anyhow::Result<()> {
    // Without a sandbox, as it could not start as root; it only sees our own files, and no network.
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--hide-scrollbars", "--timeout=10000"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .with_context(|| format!("{browser} does not start"))?;
    if !output.status.success() || !picture.exists() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{browser} took no picture of {}:\n{said}", page.display());
    }
    Ok(())
}

impl Subject {
    /// As the style sheet has it, with a line for the name.
    fn height_on_sheet(&self) -> u32 {
        self.height * SMALL / SMALLER + 44
    }

    /// The file with the picture, below the folder of pictures.
    fn picture(&self, view: &View) -> String {
        format!("{}.{}.png", self.path.trim_end_matches(".html"), view.name)
    }

    fn group(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(group, _)| group)
    }
}

/// The subjects of one sample in one language.
fn groups(subjects: &[Subject]) -> impl Iterator<Item = &[Subject]> {
    subjects.chunk_by(|one, other| one.group() == other.group())
}

fn index(subjects: &[Subject]) -> String {
    let sections = groups(subjects).map(|group| {
        let name = group[0].group();
        format!("<h2 id=\"{name}\">{name}</h2>\n{}", rows(group))
    });
    page(&sections.collect::<String>())
}

/// Pictures with everything of one sample in one language.
fn contact_sheets(browser: &str, out: &Path, group: &[Subject]) -> anyhow::Result<()> {
    let name = group[0].group().replace('/', "-");
    let mut rest = group;
    for number in 1.. {
        let mut height = 40;
        let fitting = rest.iter().take_while(|subject| {
            height += subject.height_on_sheet();
            height <= SHEET_HEIGHT_MAX
        });
        let (now, later) = rest.split_at(fitting.count().max(1).min(rest.len()));
        let Some(_) = now.first() else { break };
        let height = 40 + now.iter().map(Subject::height_on_sheet).sum::<u32>();
        let sheet = out.join(format!("sheet-{name}-{number}.html"));
        fs::write(&sheet, page(&rows(now)))?;
        take(browser, &sheet, &sheet.with_extension("png"), (1180, height), 1)?;
        fs::remove_file(sheet)?;
        rest = later;
    }
    Ok(())
}

fn rows(group: &[Subject]) -> String {
    let row = |subject: &Subject| {
        let pictures = VIEWS.iter().map(|view| {
            let picture = subject.picture(view);
            format!("<a href=\"{picture}\"><img loading=\"eager\" src=\"{picture}\"></a>")
        });
        let path = &subject.path;
        format!(
            "<h3><a href=\"previews/{path}\">{path}</a></h3>\n<p>{}</p>\n",
            pictures.collect::<String>()
        )
    };
    group.iter().map(row).collect()
}

fn page(body: &str) -> String {
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Pictures</title>\n<style>\n\
         body {{ margin: 20px; font: 14px/20px sans-serif; background: #888; }}\n\
         h3 {{ margin: 0; padding: 6px 0; font-size: 14px; line-height: 20px; }}\n\
         p {{ display: flex; gap: 8px; margin: 0 0 12px; }}\n\
         img {{ display: block; width: {}px; }}\n</style>\n{body}",
        (WIDTHS.iter().sum::<u32>() + GAP) * SMALL / SMALLER
    )
}
