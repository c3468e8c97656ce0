//! The program ashore: takes bundles from ships, keeps the fleet's findings, shows them.
//!
//! A bundle has the same effect however often it comes ([`ingest`]). What it brings is on disk before its receipt is signed ([`repo`]).
//! Ships reach one address over TLS and find only the upload there; pages are for people on this machine until there is a login
//! ([`server`]). Nothing here can command a ship: the receipt is all that goes back.

pub mod api;
pub mod home;
pub mod ingest;
mod live;
mod pages;
pub mod repo;
pub mod server;
