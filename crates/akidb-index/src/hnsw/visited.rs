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

    pub(super) fn contains(&self, index: u32) -> bool {
        self.marks.get(index as usize) == Some(&self.walk)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.marks.capacity()
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
}
