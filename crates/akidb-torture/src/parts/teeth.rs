//! The harness itself is tried: a node with a planted fault is caught within forty cycles, by the
//! same cases that hold without the fault. What catches no planted fault proves nothing.

use anyhow::{Result, bail};

use super::{calls, cuts, damage, kills, pairs};
use crate::case::{Context, Tally, count};

/// A case of another part.
type Run = fn(&Context) -> Result<Tally>;

/// A planted fault and the cases that are to catch it.
struct Planted {
    /// The value of `AKIDB_TORTURE_FAULT`.
    name: &'static str,
    /// What runs one of the cases.
    run: Run,
    /// The numbers of the cases.
    cases: &'static [u64],
    /// Cycles in one case: kills, images, calls or damaged files.
    cycles: u64,
}

const CYCLES_MAX: u64 = 40;

const PLANTED: [Planted; 9] = [
    Planted {
        name: "acknowledge_before_commit",
        run: kills::run,
        cases: &[0, 1, 2, 3],
        cycles: 10,
    },
    Planted { name: "synchronous_normal", run: cuts::run, cases: &[0], cycles: 40 },
    Planted { name: "skip_directory_sync", run: cuts::run, cases: &[0], cycles: 40 },
    Planted { name: "skip_high_water", run: damage::logs, cases: &ROWS, cycles: 1 },
    Planted { name: "skip_row_checksum", run: damage::rows, cases: &ROWS, cycles: 1 },
    Planted { name: "keep_removed_in_index", run: kills::run, cases: &[0, 1, 2, 3], cycles: 10 },
    Planted {
        name: "trust_equal_counts",
        run: pairs::same_ids_twice,
        cases: &[0, 1, 2, 3, 4, 5, 6, 7],
        cycles: 1,
    },
    Planted { name: "delete_unknown_folders", run: pairs::run, cases: &[6, 7, 16, 17], cycles: 1 },
    Planted { name: "catalogue_not_applied", run: calls::of_catalogue, cases: &ROWS, cycles: 1 },
];

/// As many cases as there may be cycles.
const ROWS: [u64; 40] = {
    let mut rows = [0; 40];
    let mut row = 0;
    while row < rows.len() {
        rows[row] = row as u64;
        row += 1;
    }
    rows
};

/// How many faults there are to plant.
pub(super) const NUMBER: u64 = PLANTED.len() as u64;

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let planted = &PLANTED[usize::try_from(context.number)? % PLANTED.len()];
    let mut tally = Tally::new();
    let mut cycles = 0;
    for &number in planted.cases {
        if cycles >= CYCLES_MAX {
            break;
        }
        cycles += planted.cycles;
        let launch = context.launch.with("AKIDB_TORTURE_FAULT", planted.name);
        let caught = (planted.run)(&inner(context, "planted", number, launch)?);
        if caught.is_ok() {
            continue;
        }
        let sound = (planted.run)(&inner(context, "sound", number, context.launch.clone())?);
        if let Err(error) = sound {
            bail!("case {number} catches {} and fails without it too: {error:#}", planted.name);
        }
        count(&mut tally, "planted faults caught", 1);
        count(&mut tally, "cycles to catch them", cycles);
        return Ok(tally);
    }
    bail!("{} was not caught within {cycles} cycles", planted.name)
}

/// The context of a case of another part, in a folder of its own.
fn inner(
    context: &Context,
    name: &str,
    number: u64,
    launch: crate::node::Launch,
) -> Result<Context> {
    let folder = context.folder.join(format!("{name}-{number}"));
    std::fs::create_dir_all(&folder)?;
    // Scenes are made by sound nodes only where no fault is planted.
    let shared = context.shared.join(format!("teeth-{}-{name}", context.number));
    Ok(Context { launch, folder, shared, seed: context.seed, number })
}
