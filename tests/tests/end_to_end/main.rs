//! The product from the outside: its own programs, on real servers, by what its users see.
//!
//! | module | what is promised there |
//! |---|---|
//! | [`main_job`] | a signed order becomes one mail, and its review is verified |
//! | [`invitations`] | who gets no mail, and that nobody gets two |
//! | [`lanes`] | nobody waits for another: shops take turns, and slow receivers hold up their own mail only |
//! | [`policy`] | when people are asked, how often, and in which words |
//! | [`faults`] | nothing is lost, whatever is killed |
//! | [`webhooks`] | how requests are refused |
//! | [`thin`] | webhooks that do not say all, or cannot be read |
//! | [`pages`] | what links do, and what they do not |
//! | [`bounces`] | what comes back of mails stops mail |
//! | [`providers`] | what mail providers tell does so, too, if they prove who they are |
//! | [`accounts`] | the daemons need no right to change tables |
//! | [`calm`] | what a storm took is given back |
//! | [`operator`] | signals, reloads, health, commands, a full disk |
//! | [`privacy`] | logs and metrics name nobody |
//! | [`erasure`] | an erased person leaves no trace; old records and lists of suppressions |
//! | [`other_mail_server`] | a mail server and a mail reader that are not ours agree |
//! | [`postfix`] | a mail server that is not ours delivers, and what it delivers is complete |
//! | [`doctor`] | what is wrong is named, with its remedy |
//! | [`demo`] | the demonstration shows all of it |
//!
//! One program for all of them, so that tests that wait make room for tests that work.
#![expect(clippy::unwrap_used, reason = "test code")]

mod accounts;
mod bounces;
mod calm;
mod crowd;
mod demo;
mod doctor;
mod erasure;
mod faults;
mod invitations;
mod lanes;
mod main_job;
mod operator;
mod other_mail_server;
mod pages;
mod policy;
mod postfix;
mod privacy;
mod providers;
mod thin;
mod webhooks;
