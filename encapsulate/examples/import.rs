//! `import ARCHIVE REPOSITORY`: reads the commit of a container as machines do, into an OSTree repository. Prints its checksum. For
//! charmer's tests.

use anyhow::{Result, bail};
use ostree_ext::container::{ImageReference, OstreeImageReference, SignatureSource, Transport, unencapsulate};
use ostree_ext::gio;
use ostree_ext::ostree::Repo;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [archive, repository] = arguments.as_slice() else { bail!("usage: import ARCHIVE REPOSITORY") };
    let repository = Repo::new_for_path(repository);
    repository.open(gio::Cancellable::NONE)?;
    let image = OstreeImageReference {
        sigverify: SignatureSource::ContainerPolicyAllowInsecure,
        imgref: ImageReference { transport: Transport::OciArchive, name: archive.clone() },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let import = runtime.block_on(unencapsulate(&repository, &image))?;
    println!("{}", import.ostree_commit);
    Ok(())
}
