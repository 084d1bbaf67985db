//! charmer's library: one configuration in, a whole distribution release out.
//!
//! The modules stand in the order in which data flows through a compose; each folder says in its first lines what it is for
//! and what it must not know. Start with [`plan`]: it is the whole compose in about ten calls.
//!
//! Nothing in this crate prints, reads the process environment or exits: the `charmer` crate does that.

pub mod checksum;
pub mod compression;
pub mod config;
pub mod digest;
pub mod ed25519;
pub mod files;
pub mod finding;
pub mod gather;
pub mod layout;
pub mod openpgp;
mod parallel;

pub mod scm;

pub mod init;
pub mod package_set;

pub mod extra_files;
pub mod registry;
pub mod repositories;

pub mod images;

pub mod checks;
pub mod metadata;
pub mod notifications;

pub mod plan;
pub mod rpm_plan;
pub mod services;
pub mod session;

pub mod engine;
pub mod tools;
