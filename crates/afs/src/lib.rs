//! Composition, lifecycle and commands.
//!
//! Three programs are built from the same parts, so that they cannot drift apart: `afs-receiver`
//! takes webhooks and serves pages, `afs-worker` sends and verifies, and `afs serve` does both in
//! one process. Every constructor is called here and nowhere else ([`services`]).

pub mod cli;
mod commands;
mod dkim;
mod keys;
mod lifecycle;
mod logs;
mod operator;
mod services;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
