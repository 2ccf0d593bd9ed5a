//! Links from page to page: the file must be there, and the heading in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What a page offers to links and where its own lead.
#[derive(Default)]
struct Page {
    anchors: BTreeSet<String>,
    /// Line and destination.
    links: Vec<(usize, String)>,
}

/// The links of these pages that lead nowhere, as `page:line: destination`. The web is not asked.
pub(super) fn broken(root: &Path, pages: &[PathBuf]) -> Result<Vec<String>> {
    let mut read = BTreeMap::new();
    for path in pages {
        read.insert(path.clone(), page_of(&fs::read_to_string(root.join(path))?));
    }
    let links =
        read.iter().flat_map(|(path, page)| page.links.iter().map(move |link| (path, link)));
    Ok(links
        .filter(|(path, (_, link))| !leads_somewhere(root, &read, path, link))
        .map(|(path, (line, link))| format!("{}:{line}: {link}", path.display()))
        .collect())
}

fn leads_somewhere(root: &Path, pages: &BTreeMap<PathBuf, Page>, from: &Path, link: &str) -> bool {
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, a)| (file, Some(a)));
    let folder = from.parent().unwrap_or(Path::new(""));
    let target = if file.is_empty() { from.to_owned() } else { joined(folder, file) };
    match anchor {
        None => root.join(&target).exists(),
        Some(anchor) => pages.get(&target).is_some_and(|page| page.anchors.contains(anchor)),
    }
}

/// A relative path from a folder, without `..`.
fn joined(folder: &Path, file: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in folder.join(file).components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

fn page_of(text: &str) -> Page {
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    for (event, range) in Parser::new_ext(text, Options::all()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                page.add_heading(&heading.take().unwrap_or_default());
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let line = text[..range.start].matches('\n').count() + 1;
                page.links.push((line, dest_url.into_string()));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            _ => {}
        }
    }
    page
}

impl Page {
    /// The anchor that GitHub gives a heading: small letters, without punctuation, a number behind
    /// those that come again.
    fn add_heading(&mut self, heading: &str) {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let free = [anchor.clone()].into_iter().chain(again).find(|a| !self.anchors.contains(a));
        self.anchors.extend(free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_anchors_of_github() {
        let page = page_of("# The CLI, `akidb`!\n\n## What it is\n\n## What it is\n\n### a_b-c\n");
        let expected = ["a_b-c", "the-cli-akidb", "what-it-is", "what-it-is-1"];
        assert_eq!(page.anchors, expected.map(str::to_owned).into());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("docs")).unwrap();
        let index = "# A\n[1](docs/b.md) [2](docs/b.md#of-b) [3](#a) ![4](docs) [5](http://x/y)\n\
                     [6](b.md)\n[7](docs/b.md#a)\n[8](#b)\n";
        fs::write(root.join("index.md"), index).unwrap();
        fs::write(root.join("docs/b.md"), "# Of B\n[up](../index.md#a) [gone](../b.md)\n").unwrap();
        let pages = ["docs/b.md", "index.md"].map(PathBuf::from);
        let found = broken(root, &pages).unwrap();
        let expected = [
            "docs/b.md:2: ../b.md",
            "index.md:3: b.md",
            "index.md:4: docs/b.md#a",
            "index.md:5: #b",
        ];
        assert_eq!(found, expected);
    }
}
