//! The engine: a graph of jobs, the scheduler that runs it, the events it emits, and the journal from which it resumes and reuses.
//!
//! Data flow: [`graph`] is built by the plan and frozen; [`scheduler`] runs it, asks [`reuse`] before each job and [`journal`]s after
//! each; whatever happens is an [`event`].
//!
//! Must not know: packages, repositories, images, configuration. It moves values of types that it cannot name.

mod attempt;
pub mod context;
pub mod error;
pub mod event;
pub mod graph;
pub mod job;
pub mod job_log;
pub mod journal;
mod part;
pub mod reuse;
pub mod scheduler;

pub use context::JobContext;
pub use error::JobError;
pub use event::{Event, Events};
pub use graph::{Graph, Handle};
pub use job::{Job, JobId, Output, OutputFile, Phase, Weight};
pub use part::{NothingSelected, Part};
