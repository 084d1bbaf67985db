//! Boot media by a lorax that makes real images with nothing in them, read back by mtools, isoinfo and checkisomd5.
#![expect(clippy::disallowed_types, reason = "tests ask mtools, isoinfo and checkisomd5 themselves")]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_compose::checksum::Algorithm;
use charmer_compose::images::lorax::{Fitting, LoraxRun, LoraxSpec, add_to_tree, command, read_boot_iso, run};
use charmer_compose::tools::Runner;
use charmer_testkit::fake_tools::write_fake_lorax;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("scripts/install-packages was run");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct World {
    folder: TempDir,
    runner: Runner,
    spec: LoraxSpec,
    run: LoraxRun,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_fake_lorax(&path("tools")).unwrap();
        fs_err::create_dir(path("repository")).unwrap();
        let mut programs = OsString::from(path("tools"));
        programs.push(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let runner = Runner::new(path("log"), folder.path().to_owned(), programs, CancellationToken::new());
        let spec = LoraxSpec {
            product: "Harbour Linux".into(),
            version: "1.0".into(),
            build_arch: "x86_64".into(),
            no_mac_boot: true,
            no_upgrade: true,
            install_packages: vec!["memtest86+".into()],
            template_variables: vec!["name=value".into()],
            rootfs_size: Some(3),
            extra_sources: vec!["https://mirror.example/extra".into()],
            ..LoraxSpec::default()
        };
        let run = LoraxRun {
            sources: vec![path("repository").to_str().unwrap().into()],
            variant: "Server".into(),
            volume_id: "Harbour 1.0 x86_64".into(),
            is_final: true,
            configuration_file: None,
            output: path("work/buildinstall/Server"),
            logs: path("logs/x86_64/buildinstall-Server-logs"),
        };
        Self { folder, runner, spec, run }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn the_command_line_has_pungis_order() {
    let world = World::new();
    let line = command(&world.spec, &world.run).to_string().replace(world.folder.path().to_str().unwrap(), "@");
    let expected = "lorax '--product=Harbour Linux' --version=1.0 --release=1.0 --source=file://@/repository \
                    --source=https://mirror.example/extra --variant=Server --nomacboot --noupgrade --isfinal --buildarch=x86_64 \
                    '--volid=Harbour 1.0 x86_64' --installpkgs=memtest86+ --add-template-var=name=value \
                    --logfile=@/logs/x86_64/buildinstall-Server-logs/lorax.log --rootfs-size=3 @/work/buildinstall/Server";
    assert_eq!(line, expected);
}

#[tokio::test]
async fn boot_media_are_made_fitted_to_the_tree_and_told_of() {
    let world = World::new();
    // What a killed run left must not be in the way.
    fs_err::create_dir_all(world.run.output.join("old")).unwrap();
    run(&world.runner, &world.spec, &world.run).await.unwrap();

    let (tree, kickstart) = (world.path("os"), world.path("server.ks"));
    fs_err::create_dir_all(tree.join("EFI")).unwrap();
    fs_err::write(&kickstart, "text\n").unwrap();
    let fitting = Fitting {
        output: &world.run.output,
        work: &world.path("work/fitted"),
        volume_id: "Another 1 x86_64",
        kickstart: Some(&kickstart),
        tree: &tree,
        checksum: Algorithm::Sha256,
    };
    let boot = add_to_tree(&world.runner, &fitting).await.unwrap();

    let label = r"hd:LABEL=Another\x201\x20x86_64 inst.ks=hd:LABEL=Another\x201\x20x86_64:/ks.cfg quiet";
    for config in ["isolinux/isolinux.cfg", "EFI/BOOT/grub.cfg"] {
        let text = fs_err::read_to_string(tree.join(config)).unwrap();
        assert!(text.contains(label), "{config}: {text}");
    }
    let image = tree.join("images/efiboot.img");
    let in_image = output("mtype", &["-i", image.to_str().unwrap(), "::/EFI/BOOT/grub.cfg"]);
    assert_eq!(in_image, fs_err::read_to_string(tree.join("EFI/BOOT/grub.cfg")).unwrap());
    assert!(in_image.contains("search --no-floppy --set=root -l 'Another 1 x86_64'"), "{in_image}");
    assert_eq!(fs_err::read_to_string(tree.join("ks.cfg")).unwrap(), "text\n");
    let mode = |path: &str| fs_err::metadata(tree.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("images/pxeboot/initrd.img") & 0o444, 0o444);
    assert!(!tree.join(".treeinfo").exists() && !world.path("work/fitted").exists());

    assert_eq!(boot.main_image.as_deref(), Some("images/install.img"));
    assert_eq!(boot.images["x86_64"]["kernel"], "images/pxeboot/vmlinuz");
    for (path, checksum) in &boot.checksums {
        let sum = output("sha256sum", &[tree.join(path).to_str().unwrap()]);
        assert_eq!(checksum, &format!("sha256:{}", sum.split(' ').next().unwrap()), "{path}");
    }
    assert_eq!(boot.checksums.len(), 5);
}

#[tokio::test]
async fn a_boot_medium_is_told_of_as_isoinfo_and_checkisomd5_do() {
    let world = World::new();
    run(&world.runner, &world.spec, &world.run).await.unwrap();
    let iso = world.run.output.join("images/boot.iso");
    let told = read_boot_iso(&iso).unwrap();
    let iso = iso.to_str().unwrap();
    let volume = output("isoinfo", &["-d", "-i", iso]);
    assert!(volume.contains(&format!("Volume id: {}\n", told.volume_id)), "{volume}");
    let sums = output("checkisomd5", &["--md5sumonly", iso]);
    assert!(sums.contains(told.implanted_md5.as_deref().unwrap()), "{sums}");
    let no_iso = read_boot_iso(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").as_path()).unwrap_err();
    assert!(no_iso.to_string().contains("no ISO 9660 volume"), "{no_iso}");
}

#[tokio::test]
async fn packages_that_cannot_be_installed_are_repeated() {
    let world = World::new();
    fs_err::write(world.path("tools/fail"), "").unwrap();
    let error = run(&world.runner, &world.spec, &world.run).await.unwrap_err().to_string();
    assert!(error.ends_with("nothing provides libmissing.so.1 needed by anaconda-1-1.x86_64"), "{error}");
    assert!(error.contains("'lorax' ended with exit status 1"), "{error}");
}
