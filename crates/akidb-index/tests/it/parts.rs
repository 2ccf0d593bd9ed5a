//! An index taken apart into sections, written to a file, mapped, and put together again.

#![expect(clippy::unwrap_used, reason = "a test that cannot write its file has failed")]

use std::{collections::HashMap, fs::File, io::Write, sync::Arc};

use akidb_index::{HnswIndex, IndexHeader, MappedSection, PartsError};
use memmap2::Mmap;

/// The parts of an index: the header as its caller keeps it, and the bytes of each section.
pub(crate) struct Parts {
    pub(crate) header: String,
    pub(crate) sections: Vec<(String, Vec<u8>)>,
}

impl Parts {
    pub(crate) fn of(index: &HnswIndex) -> Self {
        index.with_parts(|header, sections| Self {
            header: serde_json::to_string(header).unwrap(),
            sections: sections
                .iter()
                .map(|part| (part.name.clone(), part.slices.concat()))
                .collect(),
        })
    }

    pub(crate) fn section(&mut self, name: &str) -> &mut Vec<u8> {
        let found = self.sections.iter_mut().find(|(known, _)| known == name);
        &mut found.unwrap_or_else(|| panic!("no section {name}")).1
    }

    pub(crate) fn header(&self) -> IndexHeader {
        serde_json::from_str(&self.header).unwrap()
    }

    pub(crate) fn put_together(&self, graph_min: usize) -> Result<HnswIndex, PartsError> {
        self.put_together_as(&self.header(), graph_min)
    }

    pub(crate) fn put_together_as(
        &self,
        header: &IndexHeader,
        graph_min: usize,
    ) -> Result<HnswIndex, PartsError> {
        let mut file: File = tempfile::tempfile().unwrap();
        let mut places = HashMap::new();
        let mut end = 0;
        for (name, bytes) in &self.sections {
            places.insert(name.clone(), end..end + bytes.len());
            file.write_all(bytes).unwrap();
            let padding = bytes.len().next_multiple_of(64) - bytes.len() + 64;
            file.write_all(&vec![0xAA; padding]).unwrap();
            end += bytes.len() + padding;
        }
        #[expect(unsafe_code, reason = "maps a file that nobody else has")]
        // SAFETY: the file has no name, so it stays as it is.
        let map = Arc::new(unsafe { Mmap::map(&file) }.unwrap());
        let section = |name: &str| {
            Some(MappedSection { file: Arc::clone(&map), range: places.get(name)?.clone() })
        };
        HnswIndex::from_parts(header, &section, graph_min)
    }
}
