//! Cargo sees a changed embedded file by itself, but not a new one.

fn main() {
    println!("cargo::rerun-if-changed=files");
}
