//! The graph: jobs, and typed handles of the values they will give.
//!
//! An edge is a value: a job is added with the handles of its inputs, so the graph cannot disagree with what is passed, and a cycle
//! cannot be written. Nothing runs here.

use std::any::Any;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use crate::digest::Sha256;

use super::job::{Job, JobId, Output, OutputFile};
use super::journal::Record;
use super::{JobContext, JobError};

/// A job's place in its graph.
pub(super) type NodeId = usize;
/// A value of a type that only handles know.
pub(super) type AnyValue = Arc<dyn Any + Send + Sync>;
type Work = Box<dyn Fn(JobContext, &Values) -> Pin<Box<dyn Future<Output = Result<Produced, JobError>> + Send>> + Send + Sync>;
/// Writes the record of an output. It is not made in memory first: some are large.
pub(super) type Keep = fn(&AnyValue, Record<()>, &Path) -> io::Result<fs_err::File>;
type Restore = fn(&str) -> Result<Produced, serde_json::Error>;
type MissingInput = Box<dyn Fn(&Values) -> Option<NodeId> + Send + Sync>;

/// The promise of a job's output.
pub struct Handle<T> {
    node: NodeId,
    output: PhantomData<fn() -> T>,
}

/// The promise of an output without which the job that takes it makes no sense: if it is absent, that job is skipped.
#[derive(Debug, Clone, Copy)]
pub struct Required<T>(Handle<Option<T>>);

impl<T> Handle<Option<T>> {
    /// Takes the value inside; a job with such an input must itself be one whose output may be absent.
    pub fn required(self) -> Required<T> {
        Required(self)
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Handle({})", self.node)
    }
}

/// The outputs of jobs that have ended.
#[derive(Debug, Default)]
pub struct Values(pub(super) Vec<Option<AnyValue>>);

/// Handles that a job takes, and the values that they become when it runs.
pub trait Inputs: Send + Sync + 'static {
    type Values: Send + 'static;
    fn nodes(&self) -> Vec<usize>;
    fn values(&self, values: &Values) -> Self::Values;
    /// An input that is needed and absent.
    fn absent(&self, values: &Values) -> Option<usize>;
    /// Those that are [`Required`].
    fn required(&self) -> Vec<usize>;
}

impl Inputs for () {
    type Values = ();
    fn nodes(&self) -> Vec<usize> {
        Vec::new()
    }
    fn values(&self, _: &Values) {}
    fn absent(&self, _: &Values) -> Option<usize> {
        None
    }
    fn required(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl<T: Send + Sync + 'static> Inputs for Handle<T> {
    type Values = Arc<T>;
    fn nodes(&self) -> Vec<usize> {
        vec![self.node]
    }
    fn values(&self, values: &Values) -> Arc<T> {
        let value = values.0[self.node].clone().expect("a job starts after its inputs have ended");
        value.downcast().expect("a handle has the type of its job's output")
    }
    fn absent(&self, _: &Values) -> Option<usize> {
        None
    }
    fn required(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl<T: Clone + Send + Sync + 'static> Inputs for Required<T> {
    type Values = T;
    fn nodes(&self) -> Vec<usize> {
        self.0.nodes()
    }
    fn values(&self, values: &Values) -> T {
        self.0.values(values).as_ref().clone().expect("a job with an absent required input is skipped")
    }
    fn absent(&self, values: &Values) -> Option<usize> {
        self.0.values(values).is_none().then_some(self.0.node)
    }
    fn required(&self) -> Vec<usize> {
        self.nodes()
    }
}

impl<I: Inputs> Inputs for Vec<I> {
    type Values = Vec<I::Values>;
    fn nodes(&self) -> Vec<usize> {
        self.iter().flat_map(Inputs::nodes).collect()
    }
    fn values(&self, values: &Values) -> Self::Values {
        self.iter().map(|input| input.values(values)).collect()
    }
    fn absent(&self, values: &Values) -> Option<usize> {
        self.iter().find_map(|input| input.absent(values))
    }
    fn required(&self) -> Vec<usize> {
        self.iter().flat_map(Inputs::required).collect()
    }
}

macro_rules! inputs_of_tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Inputs),+> Inputs for ($($name,)+) {
            type Values = ($($name::Values,)+);
            fn nodes(&self) -> Vec<usize> {
                [$(self.$index.nodes()),+].concat()
            }
            fn values(&self, values: &Values) -> Self::Values {
                ($(self.$index.values(values),)+)
            }
            fn absent(&self, values: &Values) -> Option<usize> {
                [$(self.$index.absent(values)),+].into_iter().flatten().next()
            }
            fn required(&self) -> Vec<usize> {
                [$(self.$index.required()),+].concat()
            }
        }
    };
}

inputs_of_tuple!(A 0, B 1);
inputs_of_tuple!(A 0, B 1, C 2);
inputs_of_tuple!(A 0, B 1, C 2, D 3);
inputs_of_tuple!(A 0, B 1, C 2, D 3, E 4);
inputs_of_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

/// A value that is held in memory only, and knows what tells it from another.
pub trait Held: Send + Sync + 'static {
    /// Equal for two values if whoever reads them does the same with both.
    fn digest(&self) -> Sha256;
}

/// What a job gave, in the form that the engine handles.
pub(super) struct Produced {
    /// `None` for a value that is not kept: it is known, and made when a job reads it.
    pub(super) value: Option<AnyValue>,
    /// Writes its record; `None` for values that are made anew in every run.
    pub(super) keep: Option<Keep>,
    pub(super) digest: Option<Sha256>,
    pub(super) files: Vec<OutputFile>,
    /// Folders that must be there though no file is in them.
    pub(super) folders: Vec<String>,
}

/// A job in the graph.
pub(super) struct Node {
    pub(super) job: Job,
    pub(super) inputs: Vec<NodeId>,
    /// Those of the inputs without which it makes no sense.
    pub(super) required: Vec<NodeId>,
    pub(super) work: Work,
    /// Makes the output from the journal; `None` for values that are made anew in every run.
    pub(super) restore: Option<Restore>,
    /// The value that stands for "this was not made"; `None` where the output is never absent.
    pub(super) absent: Option<AnyValue>,
    pub(super) missing_input: MissingInput,
    /// Left out: see [`Part`](super::Part).
    pub(super) pruned: bool,
}

/// All jobs of a compose.
#[derive(Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    names: HashSet<JobId>,
}

impl fmt::Debug for Graph {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.nodes.iter().map(|node| &node.job.id)).finish()
    }
}

/// A job and its edges, for those who show the graph.
#[derive(Debug, Clone)]
pub struct PlannedJob<'a> {
    pub job: &'a Job,
    pub needs: Vec<&'a JobId>,
}

impl Graph {
    /// Adds a job whose output always exists: its failure dooms the compose.
    pub fn add<I, T, F>(
        &mut self,
        job: Job,
        inputs: I,
        work: impl Fn(JobContext, I::Values) -> F + Send + Sync + 'static,
    ) -> Handle<T>
    where
        I: Inputs,
        T: Output,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        assert!(inputs.required().is_empty() && !job.failable, "{} may be absent: add it with add_deliverable", job.id);
        self.insert(job, inputs, work, produced_output, Some(restore_output::<T>), None)
    }

    /// Adds a job whose output may be absent: because it is failable and failed, because it was left out, or because something that
    /// it requires is absent.
    pub fn add_deliverable<I, T, F>(
        &mut self,
        job: Job,
        inputs: I,
        work: impl Fn(JobContext, I::Values) -> F + Send + Sync + 'static,
    ) -> Handle<Option<T>>
    where
        I: Inputs,
        T: Output,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        let absent: AnyValue = Arc::new(None::<T>);
        self.insert(job, inputs, work, |value: T| produced_output(Some(value)), Some(restore_output::<Option<T>>), Some(absent))
    }

    /// Adds a job whose output is held in memory only, and follows from its job alone. Where all that reads it is there from an earlier
    /// run, it is not made again.
    pub fn add_derived<I, T, F>(
        &mut self,
        job: Job,
        inputs: I,
        work: impl Fn(JobContext, I::Values) -> F + Send + Sync + 'static,
    ) -> Handle<T>
    where
        I: Inputs,
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        assert!(inputs.required().is_empty() && !job.failable, "{} may be absent: add it with add_deliverable", job.id);
        let produced = |value: T| Produced { keep: Some(keep_derived), ..held(value) };
        self.insert(job, inputs, work, produced, Some(restore_derived), None)
    }

    /// Adds a job that is done in every run, also where all that reads its output is there. Its digest is the digest of its job.
    pub fn add_volatile<I, T, F>(
        &mut self,
        job: Job,
        inputs: I,
        work: impl Fn(JobContext, I::Values) -> F + Send + Sync + 'static,
    ) -> Handle<T>
    where
        I: Inputs,
        T: Send + Sync + 'static,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        assert!(inputs.required().is_empty() && !job.failable, "{} may be absent: add it with add_deliverable", job.id);
        self.insert(job, inputs, work, held, None, None)
    }

    /// Adds a job whose output is held in memory and made anew in every run, but says itself when two of it are equal: what follows is
    /// done again only when it is another one.
    pub fn add_held<I, T, F>(
        &mut self,
        job: Job,
        inputs: I,
        work: impl Fn(JobContext, I::Values) -> F + Send + Sync + 'static,
    ) -> Handle<T>
    where
        I: Inputs,
        T: Held,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        assert!(inputs.required().is_empty() && !job.failable, "{} may be absent: add it with add_deliverable", job.id);
        let produced = |value: T| {
            let digest = Some(value.digest());
            Produced { digest, ..held(value) }
        };
        self.insert(job, inputs, work, produced, None, None)
    }

    fn insert<I, T, U, F>(
        &mut self,
        job: Job,
        inputs: I,
        work: impl Fn(JobContext, I::Values) -> F + Send + Sync + 'static,
        produced: fn(T) -> Produced,
        restore: Option<Restore>,
        absent: Option<AnyValue>,
    ) -> Handle<U>
    where
        I: Inputs,
        T: Send + 'static,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        assert!(self.names.insert(job.id.clone()), "two jobs are named {}", job.id);
        let inputs = Arc::new(inputs);
        let nodes: BTreeSet<NodeId> = inputs.nodes().into_iter().collect();
        let required = inputs.required();
        let checked = inputs.clone();
        let work: Work = Box::new(move |context, values| {
            let running = work(context, inputs.values(values));
            Box::pin(async move { running.await.map(produced) })
        });
        self.nodes.push(Node {
            job,
            inputs: nodes.into_iter().collect(),
            required,
            work,
            restore,
            absent,
            missing_input: Box::new(move |values| checked.absent(values)),
            pruned: false,
        });
        Handle { node: self.nodes.len() - 1, output: PhantomData }
    }

    /// The programs whose versions shape outputs.
    pub fn tools(&self) -> BTreeSet<&'static str> {
        self.nodes.iter().filter(|node| !node.pruned).flat_map(|node| node.job.tools.iter().copied()).collect()
    }

    /// The jobs that will run, each after those that it needs.
    pub fn jobs(&self) -> Vec<PlannedJob<'_>> {
        let name = |&input: &NodeId| &self.nodes[input].job.id;
        let planned = |node: &'_ Node| node.inputs.iter().filter(|&&input| !self.nodes[input].pruned).map(name).collect();
        self.nodes.iter().filter(|node| !node.pruned).map(|node| PlannedJob { job: &node.job, needs: planned(node) }).collect()
    }
}

fn produced_output<T: Output>(value: T) -> Produced {
    Produced {
        digest: Some(Sha256::of_value(&value)),
        files: value.files(),
        folders: value.folders(),
        value: Some(Arc::new(value)),
        keep: Some(keep_output::<T>),
    }
}

fn held<T: Send + Sync + 'static>(value: T) -> Produced {
    Produced { value: Some(Arc::new(value)), keep: None, digest: None, files: Vec::new(), folders: Vec::new() }
}

fn keep_output<T: Output>(value: &AnyValue, record: Record<()>, path: &Path) -> io::Result<fs_err::File> {
    let output = value.downcast_ref::<T>().expect("it is the value of the job that keeps it");
    record.with(output).write(path)
}

/// What stands for a value that is not kept: the digest of what it follows from.
fn keep_derived(_: &AnyValue, record: Record<()>, path: &Path) -> io::Result<fs_err::File> {
    let origin = record.ingredients.digest();
    record.with(origin).write(path)
}

fn restore_derived(json: &str) -> Result<Produced, serde_json::Error> {
    let _: Sha256 = serde_json::from_str(json)?;
    Ok(Produced { value: None, keep: None, digest: None, files: Vec::new(), folders: Vec::new() })
}

fn restore_output<T: Output>(json: &str) -> Result<Produced, serde_json::Error> {
    serde_json::from_str(json).map(produced_output::<T>)
}
