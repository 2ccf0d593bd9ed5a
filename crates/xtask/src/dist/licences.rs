//! The licences of the packages that are linked into the programs, from their own files.
//!
//! Which licences may occur at all, `cargo deny` checks; this only collects their texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use crate::workspace;

const HEAD: &str = "\
Licences of what is in this archive besides AkiDB itself, whose own is in LICENSE.

The programs contain the packages below, SQLite, which is in the public domain, and the standard
library of Rust, which is licensed under MIT or Apache-2.0. The model all-MiniLM-L6-v2 is licensed
under Apache-2.0; its description is in its folder.
";

const MIT: &str = "\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the \"Software\"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense,
and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
";

/// All packages with their licences, then each text once.
pub(super) fn page(target: &str, has_worker: bool) -> Result<String> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace::root())
        .other_options(["--locked", "--filter-platform", target].map(str::to_owned))
        .exec()
        .context("cargo cannot say what the programs are made of")?;
    let roots = if has_worker { &["akidb", "akidb-mlx-worker"][..] } else { &["akidb"] };
    let linked = linked(&metadata, roots)?;
    let mut page = format!("{HEAD}\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in linked.values() {
        let name = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().unwrap_or("see its text");
        let place = package.repository.as_deref().unwrap_or("https://crates.io");
        page += &format!("{name}, {licence}, {place}\n");
        for text in texts_of(package)? {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (text, packages) in texts {
        page += &format!("\n{}\n{}\n\n{}\n", "=".repeat(80), packages.join(", "), text.trim_end());
    }
    Ok(page)
}

/// The packages of others that are linked into `roots`, by name and version.
fn linked<'m>(
    metadata: &'m Metadata,
    roots: &[&str],
) -> Result<BTreeMap<(String, String), &'m Package>> {
    let resolve = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let nodes: BTreeMap<&PackageId, _> =
        resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let is_root = |package: &&Package| roots.contains(&package.name.as_str());
    let mut next: Vec<&PackageId> =
        metadata.packages.iter().filter(is_root).map(|package| &package.id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            let dependencies = nodes.get(id).into_iter().flat_map(|node| &node.deps);
            let normal = dependencies.filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            });
            next.extend(normal.map(|dependency| &dependency.pkg));
        }
    }
    let packages = metadata.packages.iter().filter(|package| seen.contains(&package.id));
    let others = packages.filter(|package| package.source.is_some());
    Ok(others
        .map(|package| ((package.name.to_string(), package.version.to_string()), package))
        .collect())
}

fn texts_of(package: &Package) -> Result<Vec<String>> {
    let folder = package.manifest_path.parent().context("a package without a folder")?;
    let mut texts = Vec::new();
    let mut names: Vec<_> = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let starts = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
        if entry.path().is_file() && starts.iter().any(|start| name.starts_with(start)) {
            texts.push(read(&entry.path())?);
        }
    }
    if texts.is_empty() {
        texts.push(standard_text(package)?);
    }
    Ok(texts)
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
}

/// The text of a licence that a package names without carrying it.
fn standard_text(package: &Package) -> Result<String> {
    let licence = package.license.as_deref().unwrap_or_default();
    if licence.contains("Apache-2.0") {
        return Ok("Apache-2.0, whose text is in LICENSE.".to_owned());
    }
    if licence.contains("MIT") {
        let authors = match package.authors.is_empty() {
            true => format!("the authors of {}", package.name),
            false => package.authors.join(", "),
        };
        return Ok(format!("Copyright (c) {authors}\n\n{MIT}"));
    }
    bail!("{} {} has no text of its licence {licence:?}", package.name, package.version)
}
