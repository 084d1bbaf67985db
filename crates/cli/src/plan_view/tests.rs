//! A made-up plan in the shape of `examples/harbour.toml`, shown in every form.

use charmer_compose::engine::event::JobPlan;
use charmer_compose::engine::job::{JobId, Phase};

use super::*;

/// Adds a job and gives its name, for those that need it.
fn add(jobs: &mut Vec<JobPlan>, name: &str, phase: Phase, needs: &[&JobId], estimate: f64, failable: bool) -> JobId {
    let job = JobId::from(name);
    let scope = name.split_once(':').map_or("", |(_, scope)| scope).to_owned();
    let needs = needs.iter().map(|need| (*need).clone()).collect();
    jobs.push(JobPlan { job: job.clone(), phase, scope, needs, failable, estimate });
    job
}

pub(crate) fn harbour() -> Plan {
    let mut plan = Vec::new();
    let jobs = &mut plan;
    let indexes =
        ["debian", "security", "own"].map(|archive| add(jobs, &format!("index:{archive}"), Phase::Pkgset, &[], 8.0, false));
    let pkgset = add(jobs, "pkgset", Phase::Pkgset, &indexes.each_ref(), 1.5, false);
    let base = ["amd64", "arm64"].map(|arch| add(jobs, &format!("gather:Base.{arch}"), Phase::Gather, &[&pkgset], 0.4, false));
    let server = [0, 1].map(|arch| {
        let name = format!("gather:Server.{}", ["amd64", "arm64"][arch]);
        add(jobs, &name, Phase::Gather, &[&pkgset, &base[arch]], 0.6, false)
    });
    let gathered: Vec<&JobId> = base.iter().chain(&server).collect();
    let lock = add(jobs, "lock", Phase::Lock, &gathered, 0.2, false);
    let mut shipped = vec![lock.clone()];
    let mut repositories = Vec::new();
    for (variant, seconds) in [("Base", 40.0), ("Server", 95.0)] {
        let fetch = add(jobs, &format!("fetch:{variant}"), Phase::Fetch, &[&lock], seconds, false);
        let needed: Vec<&JobId> = [&lock, &fetch].into_iter().chain(&repositories).collect();
        let repository = add(jobs, &format!("createrepo:{variant}"), Phase::Createrepo, &needed, 6.0, false);
        for arch in ["amd64", "arm64"] {
            let needed: Vec<&JobId> = std::iter::once(&repository).chain(&repositories).collect();
            shipped.push(add(jobs, &format!("repoclosure:{variant}.{arch}"), Phase::Repoclosure, &needed, 2.0, false));
        }
        repositories.push(repository);
    }
    let both = [&repositories[0], &repositories[1]];
    let images = [
        ("Base.amd64", "container", Phase::Container, &both[..1], 35.0, false),
        ("Server.amd64", "live", Phase::Live, &both[..], 120.0, true),
    ];
    for (scope, kind, phase, needed, seconds, failable) in images {
        let rootfs = add(jobs, &format!("rootfs:{scope}.{kind}"), Phase::Rootfs, needed, seconds, failable);
        let image = add(jobs, &format!("{kind}:{scope}"), phase, &[&rootfs], seconds / 2.0, failable);
        let test = add(jobs, &format!("test:{scope}.{kind}"), Phase::Test, &[&image, &lock], 3.0, failable);
        let checksum = add(jobs, &format!("image-checksum:{scope}"), Phase::ImageChecksum, &[&image], 1.0, false);
        shipped.extend([image, test, checksum]);
    }
    shipped.extend(repositories);
    add(jobs, "metadata", Phase::Metadata, &shipped.iter().collect::<Vec<_>>(), 0.3, false);
    Plan::new("Harbour Linux 13.1", plan)
}

/// A wide compose: many variants on many arches, with an image each.
fn wide() -> Plan {
    let mut plan = Vec::new();
    let jobs = &mut plan;
    let pkgset = add(jobs, "pkgset", Phase::Pkgset, &[], 4.0, false);
    let mut gathered = Vec::new();
    for variant in 0..12 {
        for arch in ["amd64", "arm64", "ppc64el", "riscv64"] {
            gathered.push(add(jobs, &format!("gather:Variant{variant}.{arch}"), Phase::Gather, &[&pkgset], 1.0, false));
        }
    }
    let lock = add(jobs, "lock", Phase::Lock, &gathered.iter().collect::<Vec<_>>(), 1.0, false);
    let mut shipped = Vec::new();
    for variant in 0..12 {
        let fetch = add(jobs, &format!("fetch:Variant{variant}"), Phase::Fetch, &[&lock], 30.0, false);
        let repository = add(jobs, &format!("createrepo:Variant{variant}"), Phase::Createrepo, &[&fetch], 9.0, false);
        for arch in ["amd64", "arm64", "ppc64el", "riscv64"] {
            let scope = format!("Variant{variant}.{arch}");
            shipped.push(add(jobs, &format!("repoclosure:{scope}"), Phase::Repoclosure, &[&repository], 2.0, false));
            let rootfs = add(jobs, &format!("rootfs:{scope}.live"), Phase::Rootfs, &[&repository], 40.0, true);
            let live = add(jobs, &format!("live:{scope}"), Phase::Live, &[&rootfs], 60.0, true);
            shipped.push(add(jobs, &format!("test:{scope}.live"), Phase::Test, &[&live], 5.0, true));
        }
    }
    add(jobs, "metadata", Phase::Metadata, &shipped.iter().collect::<Vec<_>>(), 1.0, false);
    Plan::new("Wide 1", plan)
}

const NO_COLOUR: Paint = Paint { colour: false };

#[test]
fn the_tree_lists_phases_jobs_needs_and_the_critical_path() {
    insta::assert_snapshot!(harbour().show(PlanFormat::Tree, NO_COLOUR));
}

#[test]
fn the_json_document_keeps_its_shape() {
    let mut plan = harbour();
    plan.jobs.truncate(5);
    insta::assert_snapshot!(Plan::new("Harbour <13>", plan.jobs).show(PlanFormat::Json, NO_COLOUR));
}

#[test]
fn the_graph_for_graphviz_quotes_names() {
    let mut jobs = Vec::new();
    let first = add(&mut jobs, "index:a\"b\\c", Phase::Pkgset, &[], 2.0, false);
    add(&mut jobs, "live:x", Phase::Live, &[&first], 2.0, true);
    insta::assert_snapshot!(Plan::new("two\njobs", jobs).show(PlanFormat::Dot, NO_COLOUR));
}

#[test]
fn pictures_are_well_formed_and_hold_every_job_of_small_and_big_plans() {
    let mut jobs = Vec::new();
    add(&mut jobs, "live:<script>&\"\u{1b}[2J", Phase::Live, &[], 2.0, true);
    for plan in [Plan::new("<&>", jobs), Plan::new("empty", Vec::new()), harbour(), wide()] {
        let picture = plan.show(PlanFormat::Svg, NO_COLOUR);
        assert_eq!(picture, plan.show(PlanFormat::Svg, NO_COLOUR), "the same plan gives the same bytes");
        assert!(
            !picture.contains("<script") && !picture.contains('\u{1b}') && !picture.contains("NaN") && !picture.contains("inf")
        );
        assert_eq!(picture.matches("<title>").count(), plan.jobs.len());
        let opened = picture.matches("<g").count();
        assert_eq!(opened, picture.matches("</g>").count());
    }
}
