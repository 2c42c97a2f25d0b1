//! Cargo sees a changed embedded file by itself, but not a new one.

#[expect(clippy::print_stdout, reason = "how a build script speaks to cargo")]
fn main() {
    println!("cargo::rerun-if-changed=files");
}
