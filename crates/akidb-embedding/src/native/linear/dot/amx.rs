//! Sums by AMX: tiles of 16 rows of 64 bytes, two of inputs times two of weights at a time.
//!
//! Intel, "Software developer's manual", volume 1, chapter 18. A process has to ask Linux for tiles,
//! since a thread that uses them takes 8 KiB more to switch. Rust knows of tiles only that they are
//! overwritten, so that what is between their configuration and their release is one block of
//! assembly, and no tile keeps anything from call to call.
#![expect(unsafe_code, reason = "assembly, and instructions that not every processor has")]

use std::{
    arch::{
        asm,
        x86_64::{__cpuid, __cpuid_count, _xgetbv},
    },
    mem,
    sync::LazyLock,
};

use super::{InputLine, PANEL, PanelLine, Rows, Sums};

/// The rows of a tile.
const TILE: usize = 16;

/// The bytes of a row of a tile.
const ROW: u16 = 64;

/// The bytes from a group of inputs of a panel to the next, and from a row of sums to the next.
const PANEL_STRIDE: usize = 4 * PANEL;

/// The state of tiles, by the number of its bit in XCR0.
const TILE_DATA: u32 = 18;
const TILE_CONFIGURATION: u32 = 17;

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    first_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Whether the processor has tiles, and Linux lets this process use them; it is asked once.
pub(super) fn is_granted() -> bool {
    static IS_GRANTED: LazyLock<bool> = LazyLock::new(|| {
        if !has_int8_tiles() {
            return false;
        }
        request_tiles()
            .inspect_err(|error| tracing::warn!(%error, "Linux refuses AMX, int8 goes without"))
            .is_ok()
    });
    *IS_GRANTED
}

fn has_int8_tiles() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    const AMX_TILE: u32 = 1 << 24;
    const AMX_INT8: u32 = 1 << 25;
    const STATES: u64 = 1 << TILE_CONFIGURATION | 1 << TILE_DATA;
    let has = |bits: u32, wanted: u32| bits & wanted == wanted;
    if __cpuid(0).eax < 7 || !has(__cpuid(1).ecx, OSXSAVE) {
        return false;
    }
    // SAFETY: OSXSAVE says that there is `xgetbv` and that programs may use it.
    let enabled = unsafe { _xgetbv(0) };
    has(__cpuid_count(7, 0).edx, AMX_TILE | AMX_INT8) && enabled & STATES == STATES
}

fn request_tiles() -> std::io::Result<()> {
    /// Of `asm/prctl.h`.
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    // SAFETY: `arch_prctl` reads no memory with this command.
    let answer = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) };
    if answer == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

pub(super) fn multiply(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    assert!(is_granted(), "the processor has tiles");
    assert!(rows.depth == panel.len() && !panel.is_empty(), "rows are as deep as a panel");
    let count = rows.len();
    let upper = count.min(TILE);
    let lower = count - upper;
    assert!(lower <= TILE, "rows fit two tiles");
    let lines = rows.lines.as_ptr();
    // SAFETY: there are tiles. Of `count` rows, `upper` lie from `lines` on, and the others after
    // them, `rows.depth` lines each; the panel is as deep, and at least one line.
    unsafe {
        if lower == 0 {
            multiply_one(lines, upper, panel, sums);
        } else {
            multiply_two(lines, lower, panel, sums);
        }
    }
}

/// Tiles 0 to 3 are sums, 4 and 5 rows of inputs, 6 and 7 weights.
fn configuration(upper: usize, lower: usize) -> Configuration {
    // Both at most 16.
    let (upper, lower) = (upper as u8, lower as u8);
    let mut rows = [0; 16];
    rows[..8].copy_from_slice(&[upper, upper, lower, lower, upper, lower, 16, 16]);
    let row_bytes = rows.map(|rows| if rows == 0 { 0 } else { ROW });
    Configuration { palette: 1, first_row: 0, reserved: [0; 14], row_bytes, rows }
}

/// # Safety
///
/// [`is_granted`]; from `lines` on lie `rows` rows, 1 to 16, each of as many lines as the panel
/// has, which are at least 1.
unsafe fn multiply_one(lines: *const InputLine, rows: usize, panel: &[PanelLine], sums: &mut Sums) {
    let configuration = configuration(rows, 0);
    // SAFETY: the loop reads `rows` lines at a distance of a row for each line of the panel, whose
    // 16 groups of 128 bytes lie behind each other, and writes `rows` rows of sums.
    unsafe {
        asm!(
            "ldtilecfg [{configuration}]",
            "tilezero tmm0",
            "tilezero tmm1",
            "2:",
            "tileloadd tmm4, [{upper} + {row_stride}]",
            "tileloadd tmm6, [{panel} + {panel_stride}]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{panel} + {panel_stride} + 64]",
            "tdpbusd tmm1, tmm4, tmm7",
            "add {upper}, 64",
            "add {panel}, 2048",
            "dec {depth}",
            "jnz 2b",
            "tilestored [{sums} + {panel_stride}], tmm0",
            "tilestored [{sums} + {panel_stride} + 64], tmm1",
            "tilerelease",
            configuration = in(reg) &raw const configuration,
            upper = inout(reg) lines => _,
            row_stride = in(reg) panel.len() * mem::size_of::<InputLine>(),
            panel = inout(reg) panel.as_ptr() => _,
            panel_stride = in(reg) PANEL_STRIDE,
            depth = inout(reg) panel.len() => _,
            sums = in(reg) &raw mut *sums,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// # Safety
///
/// As of [`multiply_one`], for 16 rows and `lower` others, 1 to 16.
unsafe fn multiply_two(
    lines: *const InputLine,
    lower: usize,
    panel: &[PanelLine],
    sums: &mut Sums,
) {
    let configuration = configuration(TILE, lower);
    // SAFETY: as in `multiply_one`; the other rows lie 16 rows further, and so do their sums.
    unsafe {
        asm!(
            "ldtilecfg [{configuration}]",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{upper} + {row_stride}]",
            "tileloadd tmm6, [{panel} + {panel_stride}]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{panel} + {panel_stride} + 64]",
            "tdpbusd tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{lower} + {row_stride}]",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {upper}, 64",
            "add {lower}, 64",
            "add {panel}, 2048",
            "dec {depth}",
            "jnz 2b",
            "tilestored [{sums} + {panel_stride}], tmm0",
            "tilestored [{sums} + {panel_stride} + 64], tmm1",
            "tilestored [{sums} + {panel_stride} + 2048], tmm2",
            "tilestored [{sums} + {panel_stride} + 2112], tmm3",
            "tilerelease",
            configuration = in(reg) &raw const configuration,
            upper = inout(reg) lines => _,
            lower = inout(reg) lines.add(TILE * panel.len()) => _,
            row_stride = in(reg) panel.len() * mem::size_of::<InputLine>(),
            panel = inout(reg) panel.as_ptr() => _,
            panel_stride = in(reg) PANEL_STRIDE,
            depth = inout(reg) panel.len() => _,
            sums = in(reg) &raw mut *sums,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
