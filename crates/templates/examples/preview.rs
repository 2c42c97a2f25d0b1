//! Writes everything there is to see into a folder: every mail and page, in every language, for
//! every sample.
//!
//! `cargo run -p templates --example preview -- DIR [OVERRIDES]`

use std::{error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next().ok_or("usage: preview DIR [OVERRIDES]")?;
    let templates = templates::Templates::load(args.next().as_deref())?;
    for preview in templates.previews()? {
        let path = folder.join(&preview.path);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(path, preview.content)?;
    }
    Ok(())
}
