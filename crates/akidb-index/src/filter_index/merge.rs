//! Two blocks as one, and one under other slots.

use std::{cmp::Ordering, collections::BTreeMap, ops::Range};

use super::{block::Block, block_writer::BlockWriter};

/// One block of the slots of both, which are of one run.
pub(super) fn merged(a: &Block, b: &Block) -> Block {
    let mut writer = BlockWriter::new(a.first.min(b.first), a.end.max(b.end));
    let (mut at_a, mut at_b) = (0, 0);
    loop {
        let path_a = (at_a < a.paths.len()).then(|| a.paths.get(at_a));
        let path_b = (at_b < b.paths.len()).then(|| b.paths.get(at_b));
        let Some((path, order)) = first_of(path_a, path_b) else { break };
        let field_a = if order.is_le() { a.field_at(at_a) } else { 0..0 };
        let field_b = if order.is_ge() { b.field_at(at_b) } else { 0..0 };
        merge_entries(&mut writer, (a, field_a), (b, field_b));
        writer.end_path(path);
        at_a += usize::from(order.is_le());
        at_b += usize::from(order.is_ge());
    }
    writer.finish()
}

fn merge_entries(
    writer: &mut BlockWriter,
    (a, mut field_a): (&Block, Range<usize>),
    (b, mut field_b): (&Block, Range<usize>),
) {
    loop {
        let entry_a = (!field_a.is_empty()).then(|| a.entries.get(field_a.start));
        let entry_b = (!field_b.is_empty()).then(|| b.entries.get(field_b.start));
        let Some((entry, order)) = first_of(entry_a, entry_b) else { break };
        if order.is_le() {
            writer.add(a.posting(field_a.start), a.base());
            field_a.start += 1;
        }
        if order.is_ge() {
            writer.add(b.posting(field_b.start), b.base());
            field_b.start += 1;
        }
        writer.end_entry(entry);
    }
}

/// The lesser of the two, and how they are ordered; one that is absent is above all.
fn first_of<'a>(a: Option<&'a [u8]>, b: Option<&'a [u8]>) -> Option<(&'a [u8], Ordering)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.min(b), a.cmp(b))),
        (Some(a), None) => Some((a, Ordering::Less)),
        (None, Some(b)) => Some((b, Ordering::Greater)),
        (None, None) => None,
    }
}

/// The block under the slots that `new_slots` gives for its old ones, `u32::MAX` for those that are
/// gone: a block for each run of `run_slots` that some of them are in.
pub(super) fn renumbered(block: &Block, new_slots: &[u32], run_slots: u32) -> Vec<Block> {
    let kept = new_slots[block.first as usize..block.end as usize].iter();
    let mut runs: BTreeMap<u32, Range<u32>> = BTreeMap::new();
    for &slot in kept.filter(|&&slot| slot != u32::MAX) {
        let range = runs.entry(slot / run_slots).or_insert(slot..slot + 1);
        *range = range.start.min(slot)..range.end.max(slot + 1);
    }
    runs.into_values().map(|range| renumbered_within(block, new_slots, &range)).collect()
}

fn renumbered_within(block: &Block, new_slots: &[u32], range: &Range<u32>) -> Block {
    let mut writer = BlockWriter::new(range.start, range.end);
    let base = block.base() as usize;
    for at in 0..block.paths.len() {
        for entry in block.field_at(at) {
            block.posting(entry).for_each(&mut |slot| {
                let new_slot = new_slots[base + slot as usize];
                if range.contains(&new_slot) {
                    writer.add_slot(new_slot);
                }
            });
            writer.end_entry(block.entries.get(entry));
        }
        writer.end_path(block.paths.get(at));
    }
    writer.finish()
}
