//! The same work for a long time: memory, descriptors and disk level off.

use anyhow::{Result, bail};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    agree::agree,
    case::{Context, Tally, count},
    client::Client,
    node::Node,
    oracle::Oracle,
    scene::files_below,
    shared::{create_shared, part_of},
    workload::{Mix, Worker},
};

const SAMPLES: usize = 24;
/// Samples before all is warm: caches are filled, every id was written.
const WARM_AFTER: usize = 8;
const OPERATIONS_A_SAMPLE: usize = 500;
const MIX: Mix = Mix { catalogue: 4, batch: 30 };

/// What a node has in use.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    resident_bytes: f64,
    open_files: f64,
    disk_bytes: f64,
}

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let data_dir = context.folder.join("data");
    let node = Node::must_start(&context.launch, &data_dir)?;
    let mut client = node.client();
    let state = create_shared(&mut client)?;
    let mut oracle = Oracle::new(part_of(&state, 0));
    let mut worker = Worker::new(0, StdRng::seed_from_u64(context.seed), MIX);
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        worker.work_answered(&mut oracle, &mut client, OPERATIONS_A_SAMPLE)?;
        samples.push(usage(&mut client, &data_dir)?);
        count(&mut tally, "operations of the soak", OPERATIONS_A_SAMPLE as u64);
    }
    let seen = agree(&mut client)?;
    let found = seen.must_be_sound().and_then(|()| oracle.settle(part_of(&seen.state, 0)));
    found.map_err(anyhow::Error::msg)?;
    must_level_off(&samples[WARM_AFTER..])?;
    node.stop()?;
    Ok(tally)
}

fn usage(client: &mut Client, data_dir: &std::path::Path) -> Result<Usage> {
    let metrics = client.read("GET", "/metrics", None)?.text;
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    };
    let sizes = files_below(data_dir)?.into_iter().filter_map(|path| {
        std::fs::metadata(data_dir.join(path)).ok().map(|metadata| metadata.len())
    });
    #[expect(clippy::cast_precision_loss, reason = "sizes of a small data directory")]
    let disk_bytes = sizes.sum::<u64>() as f64;
    Ok(Usage {
        resident_bytes: value("process_resident_memory_bytes"),
        open_files: value("process_open_fds"),
        disk_bytes,
    })
}

/// The second half is not above the first by more than what comes and goes.
fn must_level_off(samples: &[Usage]) -> Result<()> {
    type Measure = fn(&Usage) -> f64;
    let measures: [(&str, Measure, f64); 3] = [
        ("resident memory", |usage| usage.resident_bytes, 1.2),
        ("open files", |usage| usage.open_files, 1.2),
        ("bytes on disk", |usage| usage.disk_bytes, 1.3),
    ];
    for (what, measure, allowed) in measures {
        let (first, second) = samples.split_at(samples.len() / 2);
        #[expect(clippy::cast_precision_loss, reason = "a few samples")]
        let mean = |half: &[Usage]| half.iter().map(measure).sum::<f64>() / half.len() as f64;
        let (before, after) = (mean(first), mean(second));
        if after > before * allowed {
            bail!("{what} grows under the same work: {before} and then {after}");
        }
    }
    Ok(())
}
