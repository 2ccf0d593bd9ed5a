//! Which nodes a walk has seen, without clearing between walks.

/// A mark for each node: seen in this walk if it is this walk's number.
#[derive(Default)]
pub(super) struct Visited {
    marks: Vec<u8>,
    walk: u8,
}

impl Visited {
    /// Begins a walk over nodes below `end`. Every 255 walks the marks are cleared.
    pub(super) fn begin(&mut self, end: usize) {
        if self.marks.len() < end {
            self.marks.resize(end, 0);
        }
        if self.walk == u8::MAX {
            self.marks.fill(0);
            self.walk = 0;
        }
        self.walk += 1;
    }

    /// Marks a node below the end; says whether it was not seen before.
    #[inline(always)]
    pub(super) fn insert(&mut self, index: u32) -> bool {
        let mark = &mut self.marks[index as usize];
        let is_new = *mark != self.walk;
        *mark = self.walk;
        is_new
    }

    /// Marks the nodes among `indexes` that are below the end, and puts those that were not seen
    /// before into `unseen`. Whether a node was seen is as good as random, so nothing here branches
    /// on it.
    #[inline(always)]
    pub(super) fn insert_all(
        &mut self,
        indexes: impl ExactSizeIterator<Item = u32>,
        end: u32,
        unseen: &mut Vec<u32>,
    ) {
        let marks = &mut self.marks[..end as usize];
        if marks.is_empty() {
            return unseen.clear();
        }
        unseen.resize(indexes.len(), 0);
        let mut count = 0;
        for index in indexes {
            let is_below = index < end;
            let mark = &mut marks[if is_below { index as usize } else { 0 }];
            let is_new = is_below & (*mark != self.walk);
            *mark = if is_below { self.walk } else { *mark };
            unseen[count] = index;
            count += usize::from(is_new);
        }
        unseen.truncate(count);
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        self.marks.get(index as usize) == Some(&self.walk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_never_last_into_another_walk() {
        let mut visited = Visited::default();
        for walk in 0..1_000_u32 {
            visited.begin(300);
            assert!(!visited.contains(walk % 300));
            assert!(visited.insert(walk % 300));
            assert!(!visited.insert(walk % 300));
            assert!(visited.insert((walk + 7) % 300));
            assert!(visited.contains((walk + 7) % 300));
        }
    }

    #[test]
    fn of_many_those_below_the_end_are_new_once() {
        let mut visited = Visited::default();
        let mut unseen = vec![99];
        visited.begin(10);
        visited.insert_all([3, 0, 3, 10, u32::MAX, 9].into_iter(), 10, &mut unseen);
        assert_eq!(unseen, [3, 0, 9]);
        visited.insert_all([9, 8, 0].into_iter(), 9, &mut unseen);
        assert_eq!(unseen, [8]);
        visited.begin(0);
        visited.insert_all([0, 1].into_iter(), 0, &mut unseen);
        assert!(unseen.is_empty());
    }
}
