//! Tests of the crate as a whole, through its public functions.

mod documents;
mod layers;
mod mapping;
mod problems;

use tempfile::TempDir;

const PLATFORMS: &[&str] = &["woocommerce", "shopify"];

/// A directory with these files, by relative path and content.
fn write(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    dir
}
