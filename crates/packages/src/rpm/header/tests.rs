use super::*;
use crate::rpm::package::RelationKind;

/// Of signature subpackets.
const ISSUER: u8 = 16;
/// Of tags.
const STRING: u32 = 6;
const STRINGS: u32 = 8;

/// A header in the making; tags, types, counts and data as given, right or wrong.
#[derive(Clone, Default)]
struct Raw {
    entries: Vec<[u32; 4]>,
    data: Vec<u8>,
}

impl Raw {
    fn with(mut self, tag: u32, kind: u32, count: u32, data: &[u8]) -> Raw {
        self.data.resize(self.data.len().next_multiple_of(4), 0);
        self.entries.push([tag, kind, u32::try_from(self.data.len()).unwrap(), count]);
        self.data.extend_from_slice(data);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        for number in [self.entries.len(), self.data.len()] {
            bytes.extend(u32::try_from(number).unwrap().to_be_bytes());
        }
        bytes.extend(self.entries.iter().flatten().flat_map(|number| number.to_be_bytes()));
        bytes.extend(&self.data);
        bytes
    }
}

fn numbers(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn named() -> Raw {
    let fields: [(u32, &[u8]); 5] = [
        (tags::NAME, b"tool\0"),
        (tags::VERSION, b"1\0"),
        (tags::RELEASE, b"2\0"),
        (tags::ARCH, b"noarch\0"),
        (tags::SOURCE_RPM, b"tool-1-2.src.rpm\0"),
    ];
    fields.into_iter().fold(Raw::default(), |raw, (tag, value)| raw.with(tag, STRING, 1, value))
}

fn requires(names: &[&str], flags: &[u32]) -> Raw {
    let text: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
    let count = u32::try_from(names.len()).unwrap();
    named().with(tags::REQUIRE_NAME, STRINGS, count, &text).with(tags::REQUIRE_FLAGS, 4, count, &numbers(flags)).with(
        tags::REQUIRE_VERSION,
        STRINGS,
        count,
        &vec![0; names.len()],
    )
}

fn file_with(signature: &Raw, main: &Raw) -> Vec<u8> {
    let mut bytes = LEAD_MAGIC.to_vec();
    bytes.resize(LEAD, 0);
    bytes.extend(signature.bytes());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(main.bytes());
    bytes
}

fn read_main(main: &Raw) -> Result<Header, HeaderError> {
    read(&file_with(&Raw::default(), main))
}

fn required(header: &Header) -> Vec<(String, bool)> {
    header.package.requires().map(|relation| (relation.dependency.to_string(), relation.pre)).collect()
}

#[test]
fn any_prefix_of_a_file_says_how_much_more_is_needed() {
    let whole = file_with(&Raw::default(), &named());
    for length in 0..=whole.len() {
        let needed = bytes_needed(&whole[..length]).unwrap();
        assert!(needed <= whole.len() as u64 && (needed > length as u64) == (length < whole.len()), "{length}: {needed}");
        assert_eq!(read(&whole[..length]).is_ok(), length == whole.len());
    }
    let header = read(&whole).unwrap();
    assert_eq!(header.package.nevra().to_string(), "tool-1-2.noarch");
    assert_eq!(header.package.file.header_range, (112, whole.len() as u64));
}

#[test]
fn claims_of_gigabytes_are_refused_by_the_first_bytes() {
    let mut main = named().bytes();
    main[12..16].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
    let mut whole = file_with(&Raw::default(), &Raw::default());
    whole.truncate(112);
    whole.extend(&main[..16]);
    let claimed = HeaderError::TooLong { section: Section::Main, claimed: 0x7fff_ffff, limit: 256 << 20 };
    assert_eq!(bytes_needed(&whole).unwrap_err(), claimed);
    whole[120..124].copy_from_slice(&0x1_0000_u32.to_be_bytes());
    let claimed = HeaderError::TooManyEntries { section: Section::Main, claimed: 0x1_0000, limit: 0xffff };
    assert_eq!(bytes_needed(&whole).unwrap_err(), claimed);
}

#[test]
fn broken_headers_have_a_name() {
    let section = Section::Main;
    let tag = tags::SUMMARY;
    let far = {
        let mut raw = named().with(tag, STRING, 1, b"x\0");
        raw.entries.last_mut().unwrap()[2] = 5000;
        raw
    };
    for (raw, expected) in [
        (far, HeaderError::Outside { section, tag }),
        (named().with(tag, STRING, 1, b"endless"), HeaderError::Unterminated { section, tag }),
        (named().with(tag, 4, 1, b"\0\0\0\x01"), HeaderError::WrongType { section, tag, found: 4 }),
        (
            named().with(tags::CHANGELOG_NAME, STRINGS, u32::MAX, b"\0").with(tags::CHANGELOG_TIME, 4, 0, b""),
            HeaderError::Outside { section, tag: tags::CHANGELOG_NAME },
        ),
        (
            named().with(tags::REQUIRE_NAME, STRINGS, 2, b"a\0b\0").with(tags::REQUIRE_FLAGS, 4, 1, &numbers(&[0])).with(
                tags::REQUIRE_VERSION,
                STRINGS,
                2,
                b"\0\0",
            ),
            HeaderError::CountsDiffer { tag: tags::REQUIRE_NAME, other: tags::REQUIRE_FLAGS },
        ),
        (
            named()
                .with(tags::BASE_NAMES, STRINGS, 1, b"a\0")
                .with(tags::DIR_INDEXES, 4, 1, &numbers(&[7]))
                .with(tags::FILE_FLAGS, 4, 1, &numbers(&[0]))
                .with(tags::FILE_MODES, 3, 1, &[0, 0]),
            HeaderError::UnknownDirectory { file: "a".into(), index: 7 },
        ),
        (Raw::default().with(tags::NAME, STRING, 1, b"\0"), HeaderError::Missing("name")),
        (
            Raw::default().with(tags::NAME, STRING, 1, b"../../etc/x\0"),
            HeaderError::BadName { what: "name", value: "../../etc/x".into() },
        ),
        (Raw::default().with(tags::NAME, STRING, 1, b"a\nb\0"), HeaderError::BadName { what: "name", value: "a\\nb".into() }),
    ] {
        assert_eq!(read_main(&raw).unwrap_err(), expected);
    }
    assert_eq!(read(b"PK\x03\x04 and more").unwrap_err(), HeaderError::NotAnRpm);
}

#[test]
fn no_change_of_a_byte_makes_the_reader_panic() {
    let whole = file_with(&Raw::default(), &requires(&["a", "libc.so.6(GLIBC_2.3)", "/bin/sh"], &[0, 8, 512]));
    for position in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[position] = value;
            let _ = read(&changed);
        }
    }
}

#[test]
fn requirements_are_told_as_createrepo_c_tells_them() {
    let names = [
        "b",
        "libc.so.6(GLIBC_2.3)(64bit)",
        "rpmlib(X)",
        "a",
        "a",
        "a",
        "libc.so.6(GLIBC_2.10)(64bit)",
        "weak",
        "libc.so.6()(64bit)",
    ];
    let header = read_main(&requires(&names, &[0, 0, 0, 0, 0, 1 << 9, 0, 1 << 19, 0])).unwrap();
    let expected = [("b", false), ("a", false), ("a", true), ("libc.so.6(GLIBC_2.10)(64bit)", false)];
    assert_eq!(required(&header), expected.map(|(name, pre)| (name.to_owned(), pre)));
    let recommended: Vec<_> =
        header.package.relations(RelationKind::Recommends).map(|relation| relation.dependency.name.to_owned()).collect();
    assert_eq!(recommended, ["weak"]);
}

#[test]
fn texts_that_are_not_utf8_are_latin1_and_lose_their_control_characters() {
    let header = read_main(&named().with(tags::SUMMARY, 9, 1, b"caf\xe9 \x01bar\0")).unwrap();
    assert_eq!(header.package.field(Field::Summary), "caf\u{e9} bar");
    let header = read_main(&named().with(tags::SUMMARY, 9, 1, "é\u{1b}[0m\u{ffff}\0".as_bytes())).unwrap();
    assert_eq!(header.package.field(Field::Summary), "é[0m");
}

#[test]
fn changelogs_of_one_time_are_set_apart() {
    let texts = |prefix: &str| -> Vec<u8> { (0..12).flat_map(|number| format!("{prefix}{number} \0").into_bytes()).collect() };
    let times: Vec<u32> = vec![50, 50, 50, 40, 30, 30, 20, 10, 9, 8, 7, 6];
    let raw = named()
        .with(tags::CHANGELOG_TIME, 4, 12, &numbers(&times))
        .with(tags::CHANGELOG_NAME, STRINGS, 12, &texts("a"))
        .with(tags::CHANGELOG_TEXT, STRINGS, 12, &texts("t"));
    let header = read_main(&raw).unwrap();
    let read: Vec<_> = header.package.changelogs.iter().map(|entry| (entry.author.to_owned(), entry.time)).collect();
    let expected = [8, 9, 10, 20, 30, 31, 40, 50, 51, 52];
    let expected: Vec<_> = (0..10).rev().map(|number| format!("a{number}")).zip(expected).collect();
    assert_eq!(read, expected);
}

#[test]
fn source_packages_say_so_and_where_they_build() {
    let mut raw = named();
    raw.entries.retain(|entry| entry[0] != tags::SOURCE_RPM);
    let header = read_main(&raw.clone().with(tags::EXCLUSIVE_ARCH, STRINGS, 2, b"x86_64\0s390x\0")).unwrap();
    assert_eq!((header.package.arch(), header.lacks_sources), ("src", false));
    assert_eq!(header.exclusive_arch, ["x86_64", "s390x"]);
    assert!(read_main(&raw.with(tags::NO_SOURCE, 4, 1, &numbers(&[0]))).unwrap().lacks_sources);
}

#[test]
fn signature_packets_name_their_keys() {
    let id = [0xaa, 1, 2, 3, 4, 5, 6, 7];
    let version_3 = [&[0x88, 17, 3, 5, 0, 0, 0, 0, 0][..], &id, &[1, 8]].concat();
    let subpackets = [&[9, ISSUER][..], &id].concat();
    let version_4 = [&[0xc2, 16, 4, 0, 1, 8, 0, 0, 0, 10][..], &subpackets[..8]].concat();
    let version_4_whole = [&[0xc2, 18, 4, 0, 1, 8, 0, 0, 0, 10][..], &subpackets].concat();
    let fingerprint = [&[34, 33, 6][..], &id, &[0; 24]].concat();
    let version_6 = [&[0xc2, 47, 6, 0, 27, 10, 0, 0, 0, 35][..], &fingerprint, &[0, 0, 0, 0]].concat();
    let base64 = b"iBEDBQAAAAAAqgECAwQFBgcBCA==\0";
    let keys = |tag, kind, data: &[u8]| {
        let count = if kind == STRINGS { 1 } else { u32::try_from(data.len()).unwrap() };
        read(&file_with(&Raw::default().with(tag, kind, count, data), &named())).unwrap().signing_keys
    };
    assert_eq!(keys(tags::SIGNATURE_PGP, 7, &version_3), [KeyId(id)]);
    assert_eq!(keys(tags::SIGNATURE_RSA, 7, &version_4_whole), [KeyId(id)]);
    assert_eq!(keys(tags::SIGNATURE_RSA, 7, &version_4), []);
    assert_eq!(keys(tags::SIGNATURE_RSA, 7, &version_6), [KeyId(id)]);
    assert_eq!(keys(tags::SIGNATURE_OPENPGP, STRINGS, base64), [KeyId(id)]);
    assert_eq!(KeyId(id).to_string(), "aa01020304050607");
}
