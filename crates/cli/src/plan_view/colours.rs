//! One colour for each phase, in the order of the data flow round the colour wheel, so that neighbours in a picture differ little and
//! the ends differ much.

use charmer_compose::engine::job::Phase;

const fn rgb(phase: Phase) -> [u8; 3] {
    match phase {
        Phase::Pkgset => [0x3e, 0x63, 0xdd],
        Phase::Gather => [0x1f, 0x87, 0xd8],
        Phase::Lock => [0x0b, 0x97, 0xb5],
        Phase::Fetch => [0x0d, 0x9b, 0x8a],
        Phase::Createrepo => [0x2b, 0x9a, 0x52],
        Phase::Repoclosure => [0x74, 0x96, 0x1c],
        Phase::Rootfs => [0xb8, 0x8a, 0x00],
        Phase::Init => [0x8c, 0x95, 0x9f],
        Phase::Buildinstall => [0xbf, 0x39, 0x89],
        Phase::ExtraFiles => [0x54, 0xae, 0xff],
        Phase::Createiso => [0xa4, 0x75, 0xf9],
        Phase::ExtraIsos => [0xc2, 0x97, 0xff],
        Phase::Container => [0xdd, 0x75, 0x14],
        Phase::Live => [0xdc, 0x4a, 0x3a],
        Phase::ImageBuild => [0xe0, 0x5a, 0x5a],
        Phase::Ostree => [0xcc, 0x4e, 0x6e],
        Phase::Test => [0xd1, 0x3c, 0x90],
        Phase::Boot => [0xb9, 0x41, 0xb0],
        Phase::ImageChecksum => [0xa1, 0x47, 0xc9],
        Phase::Metadata => [0x70, 0x55, 0xd3],
        Phase::Push => [0x4a, 0x5b, 0xd9],
    }
}

/// For borders and text.
pub(super) fn ink(phase: Phase) -> String {
    hex(rgb(phase))
}

/// For areas behind text.
pub(super) fn tint(phase: Phase) -> String {
    hex(rgb(phase).map(|part| 255 - (255 - part) / 8))
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
