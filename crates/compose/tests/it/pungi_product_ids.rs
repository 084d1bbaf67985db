//! Product certificates of the golden compose that has some.

use std::collections::BTreeSet;

use charmer_compose::config::pungi::resolve::Surroundings;
use charmer_compose::config::pungi::resolve::repository_files::repository_files;
use charmer_compose::config::pungi::{load, schema, validate, variants};
use charmer_compose::repositories::product_id::product_ids;
use charmer_compose::scm::{Fetching, fetch};
use charmer_compose::tools::Runner;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn trees_get_the_certificates_that_pungi_gave_them() {
    let Some(compose) = crate::shared_golden().map(|golden| golden.join("compose/h-options")) else { return };
    let loaded = load(compose.join("harbour.conf").to_str().unwrap(), &[]).unwrap();
    let checked = validate::validate(loaded.values, &schema::schema(2), None);
    let surroundings = Surroundings { folder: compose.clone(), current: compose.clone(), files: Vec::new() };
    let spec = repository_files(&checked.values, &surroundings).unwrap().product_ids.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let runner =
        Runner::new(folder.path().join("log"), folder.path().to_owned(), "/usr/bin:/bin".into(), CancellationToken::new());
    let fetching = Fetching { runner: &runner, work: folder.path(), composed: &[] };
    let certificates = folder.path().join("certificates");
    fetch(&spec.scm, &fetching, &certificates).await.unwrap();

    let texts = |option: &str| {
        let items = checked.values.get(option).and_then(|value| value.as_items()).unwrap_or_default();
        items.iter().filter_map(|item| item.as_text()).map(str::to_owned).collect()
    };
    let filters = variants::Filters { tree_arches: texts("tree_arches"), tree_variants: texts("tree_variants") };
    let variants = variants::load(compose.join("variants.xml").to_str().unwrap(), &filters).unwrap();
    let trees = variants.all.iter().flat_map(|variant| variant.arches.iter().map(|arch| (&*variant.uid, &**arch)));
    let found = product_ids(&certificates, &spec, &trees.collect::<Vec<_>>()).unwrap();

    let messages = fs_err::read_to_string(compose.join("expected/logs/messages.txt")).unwrap();
    let recorded =
        messages.lines().filter_map(|line| line.strip_prefix("WARNING ")).filter(|line| line.starts_with("No product"));
    assert_eq!(found.warnings.iter().map(String::as_str).collect::<BTreeSet<_>>(), recorded.collect());
    for (variant, arch) in found.certificates.keys() {
        let listing = fs_err::read_to_string(compose.join(format!("expected/repos/{variant}_{arch}_os.tsv"))).unwrap();
        assert!(listing.contains("data productid sha256"), "{variant}.{arch}");
    }
    assert_eq!(found.certificates.len(), 2);
}
