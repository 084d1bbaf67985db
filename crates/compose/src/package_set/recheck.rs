//! The job that looks at the end of a compose whether archives moved while it was made.

use std::sync::Arc;

use super::archive;
use super::plan::{Indexes, PackageSetJobs, archive_source};
use crate::config::Config;
use crate::config::resolved::Origin as ArchiveOrigin;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Phase};
use crate::finding::{Finding, Severity};
use crate::services::Services;

/// Nothing of the archives that were read has moved, or it has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rechecked;

/// Adds the job that looks at the end whether archives moved while the compose was made. It harms nothing, but people want to know.
pub fn plan_recheck<T: Send + Sync + 'static>(
    graph: &mut Graph,
    config: &Arc<Config>,
    packages: &PackageSetJobs,
    services: &Arc<Services>,
    last: Handle<T>,
) {
    if packages.indexes.is_empty() || services.offline {
        return;
    }
    let (config, services) = (config.clone(), services.clone());
    let job = Job::named("recheck", Phase::Test, "").network().estimate(1.0);
    graph.add_volatile(job, (packages.indexes.clone(), last), move |context, (indexes, _)| {
        let (config, services) = (config.clone(), services.clone());
        async move {
            for indexes in indexes {
                if let Err(error) = recheck(&context, &config, &services, &indexes).await {
                    context.finding(moved_finding(
                        &indexes.archive,
                        format!("whether it moved cannot be seen: {}", error.report.message),
                    ));
                }
            }
            Ok(Rechecked)
        }
    });
}

async fn recheck(context: &JobContext, config: &Config, services: &Services, indexes: &Indexes) -> Result<(), JobError> {
    let archive = &config.archives[&indexes.archive];
    let ArchiveOrigin::DebMirror(mirror) = &archive.origin else { return Ok(()) };
    let cache = services.open_cache()?;
    let source = archive_source(&indexes.archive, archive, mirror, services)?;
    let moved = services
        .download(context, async |downloader| {
            archive::release_moved(&source, &indexes.locked, &cache, downloader, services.now).await
        })
        .await?;
    for moved in moved {
        let message = format!("{} moved while the compose was made: from {} to {}", moved.suite, moved.before, moved.now);
        context.finding(moved_finding(&moved.archive, message));
    }
    Ok(())
}

fn moved_finding(archive: &str, message: String) -> Finding {
    let hint = Some("the compose is whole and holds what it began with; the next one will have the news".to_owned());
    Finding {
        check: "archive-moved".into(),
        severity: Severity::Warn,
        scope: String::new(),
        subject: archive.to_owned(),
        message,
        hint,
    }
}
