//! The numbers of the tags that are read.

// Of the main header.
pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const SUMMARY: u32 = 1004;
pub(super) const DESCRIPTION: u32 = 1005;
pub(super) const BUILD_TIME: u32 = 1006;
pub(super) const BUILD_HOST: u32 = 1007;
pub(super) const SIZE: u32 = 1009;
pub(super) const VENDOR: u32 = 1011;
pub(super) const LICENSE: u32 = 1014;
pub(super) const PACKAGER: u32 = 1015;
pub(super) const GROUP: u32 = 1016;
pub(super) const URL: u32 = 1020;
pub(super) const ARCH: u32 = 1022;
pub(super) const FILE_MODES: u32 = 1030;
pub(super) const FILE_FLAGS: u32 = 1037;
pub(super) const SOURCE_RPM: u32 = 1044;
pub(super) const ARCHIVE_SIZE: u32 = 1046;
pub(super) const PROVIDE_NAME: u32 = 1047;
pub(super) const REQUIRE_FLAGS: u32 = 1048;
pub(super) const REQUIRE_NAME: u32 = 1049;
pub(super) const REQUIRE_VERSION: u32 = 1050;
pub(super) const NO_SOURCE: u32 = 1051;
pub(super) const NO_PATCH: u32 = 1052;
pub(super) const CONFLICT_FLAGS: u32 = 1053;
pub(super) const CONFLICT_NAME: u32 = 1054;
pub(super) const CONFLICT_VERSION: u32 = 1055;
pub(super) const EXCLUDE_ARCH: u32 = 1059;
pub(super) const EXCLUSIVE_ARCH: u32 = 1061;
pub(super) const CHANGELOG_TIME: u32 = 1080;
pub(super) const CHANGELOG_NAME: u32 = 1081;
pub(super) const CHANGELOG_TEXT: u32 = 1082;
pub(super) const OBSOLETE_NAME: u32 = 1090;
pub(super) const SOURCE_PACKAGE: u32 = 1106;
pub(super) const PROVIDE_FLAGS: u32 = 1112;
pub(super) const PROVIDE_VERSION: u32 = 1113;
pub(super) const OBSOLETE_FLAGS: u32 = 1114;
pub(super) const OBSOLETE_VERSION: u32 = 1115;
pub(super) const DIR_INDEXES: u32 = 1116;
pub(super) const BASE_NAMES: u32 = 1117;
pub(super) const DIR_NAMES: u32 = 1118;
pub(super) const OLD_SUGGESTS_NAME: u32 = 1156;
pub(super) const OLD_SUGGESTS_VERSION: u32 = 1157;
pub(super) const OLD_SUGGESTS_FLAGS: u32 = 1158;
pub(super) const OLD_ENHANCES_NAME: u32 = 1159;
pub(super) const OLD_ENHANCES_VERSION: u32 = 1160;
pub(super) const OLD_ENHANCES_FLAGS: u32 = 1161;
pub(super) const LONG_SIZE: u32 = 5009;
pub(super) const RECOMMEND_NAME: u32 = 5046;
pub(super) const RECOMMEND_VERSION: u32 = 5047;
pub(super) const RECOMMEND_FLAGS: u32 = 5048;
pub(super) const SUGGEST_NAME: u32 = 5049;
pub(super) const SUGGEST_VERSION: u32 = 5050;
pub(super) const SUGGEST_FLAGS: u32 = 5051;
pub(super) const SUPPLEMENT_NAME: u32 = 5052;
pub(super) const SUPPLEMENT_VERSION: u32 = 5053;
pub(super) const SUPPLEMENT_FLAGS: u32 = 5054;
pub(super) const ENHANCE_NAME: u32 = 5055;
pub(super) const ENHANCE_VERSION: u32 = 5056;
pub(super) const ENHANCE_FLAGS: u32 = 5057;

// Of both.
pub(super) const LONG_ARCHIVE_SIZE: u32 = 271;

// Of the signature header.
pub(super) const SIGNATURE_DSA: u32 = 267;
pub(super) const SIGNATURE_RSA: u32 = 268;
pub(super) const SIGNATURE_OPENPGP: u32 = 278;
pub(super) const SIGNATURE_PGP: u32 = 1002;
pub(super) const SIGNATURE_GPG: u32 = 1005;
pub(super) const SIGNATURE_PAYLOAD_SIZE: u32 = 1007;
