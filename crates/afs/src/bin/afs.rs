//! See [`afs::cli::afs`].

fn main() -> std::process::ExitCode {
    afs::cli::afs()
}
