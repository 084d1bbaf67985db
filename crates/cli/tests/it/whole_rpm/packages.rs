//! The packages of the little distribution: spec files, and the folder that they are built into once for all tests.

use std::path::{Path, PathBuf};

use charmer_testkit::rpm_build::build;

const HARBOUR: &str = r"Name: harbour
Version: 1.0
Release: 1
Summary: Harbour
License: MIT
Source0: text
Source1: ballast
AutoReqProv: no
%ifarch i686
%global library /usr/lib
%else
%global library /usr/lib64
%global mark ()(64bit)
%endif
%description
Harbour.
%package release
Summary: Release
BuildArch: noarch
Provides: system-release = 1.0
%description release
Release.
%package libs
Summary: Libraries
Provides: libharbour.so.1%{?mark}
%description libs
Libraries.
%package libs-devel
Summary: Development
Requires: harbour-libs%{_isa} = %{version}-%{release}
%description libs-devel
Development.
%package tool
Summary: Tool
Requires: libharbour.so.1%{?mark}
Requires: (harbour-release or other-release)
Recommends: lantern
%description tool
Tool.
%package libs-debuginfo
Summary: Debug information
Requires: harbour-debugsource%{_isa} = %{version}-%{release}
%description libs-debuginfo
Debug information.
%package debugsource
Summary: Debug sources
%description debugsource
Debug sources.
%install
install -D -m 644 %{SOURCE0} %{buildroot}/etc/harbour-release
install -D -m 644 %{SOURCE1} %{buildroot}/usr/share/harbour/ballast
install -D -m 755 %{SOURCE0} %{buildroot}%{library}/libharbour.so.1
install -D -m 644 %{SOURCE0} %{buildroot}/usr/include/harbour.h
install -D -m 755 %{SOURCE0} %{buildroot}/usr/bin/harbour
install -D -m 644 %{SOURCE0} %{buildroot}/usr/lib/debug%{library}/libharbour.debug
install -D -m 644 %{SOURCE0} %{buildroot}/usr/src/debug/harbour-%{_arch}/harbour.c
mkdir -p %{buildroot}/var/log
%files release
%config /etc/harbour-release
/usr/share/harbour
%files libs
%{library}/libharbour.so.1
%ghost /var/log/harbour.log
%files libs-devel
/usr/include/harbour.h
%files tool
/usr/bin/harbour
%dir /var/log
%files libs-debuginfo
/usr/lib/debug%{library}/libharbour.debug
%files debugsource
/usr/src/debug/harbour-%{_arch}
%changelog
* Tue Jan 02 2024 A Person <person@example.invalid> - 1.0-1
- First & <last>
";

const SMALL: &str = r"Name: @NAME@
Version: 1.0
Release: 1
Summary: @NAME@
License: MIT
Source0: text
Source1: ballast
AutoReqProv: no
Requires: @REQUIRES@
%description
@NAME@.
%install
install -D -m 755 %{SOURCE0} %{buildroot}/usr/bin/@NAME@
install -D -m 644 %{SOURCE1} %{buildroot}/usr/share/@NAME@/ballast
%files
/usr/bin/@NAME@
/usr/share/@NAME@
";

/// Names, and what they need.
const SMALL_PACKAGES: [(&str, &str); 4] =
    [("beacon", "harbour-release"), ("reef", "harbour-tool"), ("atoll", "harbour-libs%{_isa}"), ("lantern", "/usr/bin/harbour")];

/// The spec file of a package with one file.
pub(super) fn small(name: &str, requires: &str) -> String {
    SMALL.replace("@NAME@", name).replace("@REQUIRES@", requires)
}

/// The folder with all packages. Whoever asks first builds them.
pub(super) fn built() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quay-packages-3");
    let lock = fs_err::File::create(folder.with_extension("lock")).unwrap();
    lock.file().lock().unwrap();
    if !folder.exists() {
        let unfinished = folder.with_extension("unfinished");
        if unfinished.exists() {
            fs_err::remove_dir_all(&unfinished).unwrap();
        }
        fs_err::create_dir_all(&unfinished).unwrap();
        build("harbour", HARBOUR, &["x86_64", "i686", "aarch64"], &unfinished);
        for (name, requires) in SMALL_PACKAGES {
            build(name, &small(name, requires), &["x86_64", "aarch64"], &unfinished);
        }
        fs_err::rename(unfinished, &folder).unwrap();
    }
    folder
}
