//! What a start makes of a catalogue and the folders beside it.
//!
//! A pure function: what was read goes in, what is to be done and told comes out. Nothing is ever
//! removed because it is unknown, and nothing on the word of one file: a folder goes where its own
//! name says that it was dropped or never handed out, a row where its folder says so, or where the
//! catalogue is known to have lost changes and there is no folder.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use akidb_core::{
    CollectionName,
    torture::{PlantedFault, has_fault},
};
use akidb_engine::CollectionRecord;
use uuid::Uuid;

use super::{
    description::{Description, Undescribed},
    row::{Stamped, StoredRow},
};
use crate::directory::Folder;

/// Something that was not as it was left. It is told loudly, once, and its consequence is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// What exactly, and what was done, for people.
    pub detail: String,
}

/// Declares [`FindingKind`] from one table.
macro_rules! finding_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal;)+) => {
        /// What kind of thing was not as it was left.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FindingKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl FindingKind {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, in `/readyz` and as a label of metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

finding_kinds! {
    /// The catalogue was missing or could not be read, and is made anew.
    Rebuilt => "rebuilt";
    /// The catalogue is older than its last change.
    ChangesLost => "changes_lost";
    /// A collection that the catalogue did not name is there again.
    Adopted => "adopted";
    /// A folder that nobody knows was moved to `lost+found`.
    SetAside => "set_aside";
    /// A row of the catalogue was damaged or old, and is taken from its folder.
    Restored => "restored";
    /// A row of the catalogue was removed, as its collection is no more.
    Removed => "removed";
    /// A collection has no folder.
    Missing => "missing";
    /// A folder's own description was damaged or missing, and is written anew.
    Redescribed => "redescribed";
}

/// What was read.
pub(crate) struct Found {
    pub(crate) rows: Vec<StoredRow>,
    /// Whether rows have the form of before, and are to be written in that of now.
    pub(crate) is_old: bool,
    /// Whether the catalogue is of the first version: its folders have no descriptions yet.
    pub(crate) is_first: bool,
    /// Changes that the mark knows of and the catalogue does not.
    pub(crate) changes_lost: u64,
    /// Why the catalogue has to be made anew, where it has.
    pub(crate) rebuilt: Option<String>,
    pub(crate) folders: Vec<FoundFolder>,
}

/// A folder of the folder of collections.
pub(crate) struct FoundFolder {
    pub(crate) folder: Folder,
    /// Of collections.
    pub(crate) description: Result<Description, Undescribed>,
    /// Whether there are documents.
    pub(crate) has_database: bool,
}

/// What is to be done, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Folders of collections that the catalogue has, which get their names.
    pub(crate) finish: Vec<Uuid>,
    /// Folders that are moved away.
    pub(crate) set_aside: Vec<Folder>,
    /// All rows, by name; those with change 0 are to be stamped.
    pub(crate) rows: Vec<Stamped>,
    /// Whether the rows are others than those that were read.
    pub(crate) rows_changed: bool,
    /// Folders whose description is to be written.
    pub(crate) describe: BTreeSet<Uuid>,
    /// Folders that say themselves that they can go.
    pub(crate) remove: Vec<Folder>,
    pub(crate) findings: Vec<Finding>,
}

/// The state of planning.
struct Planner {
    plan: Plan,
    rows: BTreeMap<Uuid, Stamped>,
    /// What the damaged rows say of themselves: uuid and name.
    damaged: BTreeMap<String, (String, String)>,
    with_folder: HashSet<Uuid>,
    unknown: Vec<Description>,
    is_first: bool,
}

pub(crate) fn plan(found: Found) -> Plan {
    let Found { rows, is_old, is_first, changes_lost, rebuilt, folders } = found;
    let mut planner = Planner::new(rows, is_first);
    planner.plan.rows_changed |= is_old;
    if let Some(reason) = rebuilt {
        planner.plan.rows_changed = true;
        planner.tell(FindingKind::Rebuilt, format!("the catalogue {reason} and is made anew"));
    }
    if changes_lost > 0 {
        let detail = format!("the catalogue has lost its last {changes_lost} changes");
        planner.tell(FindingKind::ChangesLost, detail);
    }
    for folder in folders {
        planner.look_at(folder);
    }
    planner.look_at_rows_without_folder(changes_lost > 0);
    planner.settle_names();
    planner.adopt();
    planner.finish()
}

impl Planner {
    fn new(stored: Vec<StoredRow>, is_first: bool) -> Self {
        let mut planner = Self {
            plan: Plan::default(),
            rows: BTreeMap::new(),
            damaged: BTreeMap::new(),
            with_folder: HashSet::new(),
            unknown: Vec::new(),
            is_first,
        };
        for row in stored {
            match row {
                StoredRow::Sound(stamped) => {
                    planner.rows.insert(stamped.row.uuid, stamped);
                }
                StoredRow::Damaged { uuid, name, reason } => {
                    planner.plan.rows_changed = true;
                    planner.damaged.insert(uuid, (name, reason));
                }
            }
        }
        planner
    }

    fn tell(&mut self, kind: FindingKind, detail: String) {
        self.plan.findings.push(Finding { kind, detail });
    }

    fn look_at(&mut self, found: FoundFolder) {
        match found.folder {
            Folder::Collection(uuid) => {
                self.with_folder.insert(uuid);
                match self.rows.contains_key(&uuid) {
                    true => self.look_at_known(uuid, found.description),
                    false => self.look_at_unknown(uuid, found),
                }
            }
            // The catalogue has it, so that somebody may have been told: it only lacks its name.
            Folder::New(uuid) if self.rows.contains_key(&uuid) => {
                self.with_folder.insert(uuid);
                self.plan.finish.push(uuid);
                self.plan.describe.insert(uuid);
            }
            // Nobody was ever given it.
            Folder::New(_) => self.plan.remove.push(found.folder),
            Folder::Dropped(uuid) => {
                if let Some(stamped) = self.rows.remove(&uuid) {
                    self.plan.rows_changed = true;
                    let detail = format!(
                        "the catalogue has lost the drop of {}, whose folder is marked so; it is gone",
                        stamped.row.name
                    );
                    self.tell(FindingKind::Removed, detail);
                }
                self.plan.remove.push(found.folder);
            }
            Folder::Foreign(path) => {
                self.set_aside(Folder::Foreign(path), "is not a name that AkiDB gives");
            }
        }
    }

    fn set_aside(&mut self, folder: Folder, reason: &str) {
        let detail = format!("the folder {folder} {reason}");
        self.tell(FindingKind::SetAside, detail);
        self.plan.set_aside.push(folder);
    }

    fn look_at_known(&mut self, uuid: Uuid, description: Result<Description, Undescribed>) {
        let Some(stamped) = self.rows.get_mut(&uuid) else { return };
        let name = stamped.row.name.clone();
        match description {
            Ok(described) if described.stamped.row.uuid != uuid => {
                let detail = format!("the folder {uuid} of {name} described another collection");
                self.plan.describe.insert(uuid);
                self.tell(FindingKind::Redescribed, detail);
            }
            Ok(described) if described.stamped.change > stamped.change => {
                let is_same = described.stamped.row == stamped.row;
                *stamped = described.stamped;
                let renamed = stamped.row.name.clone();
                self.plan.rows_changed = true;
                if !is_same {
                    let mut detail = format!(
                        "the settings of {name} are taken from its folder, the catalogue had older ones"
                    );
                    if renamed != name {
                        detail += &format!("; it is called {renamed}");
                    }
                    self.tell(FindingKind::Restored, detail);
                }
            }
            Ok(described) if described.stamped == *stamped => {}
            // Killed between the catalogue's commit and the description of it.
            Ok(_) => {
                self.plan.describe.insert(uuid);
            }
            Err(Undescribed::Missing) if self.is_first => {
                self.plan.describe.insert(uuid);
            }
            Err(reason) => {
                self.plan.describe.insert(uuid);
                let detail = format!("the folder {uuid} of {name} {reason}, it is described anew");
                self.tell(FindingKind::Redescribed, detail);
            }
        }
    }

    fn look_at_unknown(&mut self, uuid: Uuid, found: FoundFolder) {
        let folder = found.folder;
        if has_fault(PlantedFault::DeleteUnknownFolders) {
            return self.plan.remove.push(folder);
        }
        match found.description {
            Ok(described) if described.stamped.row.uuid != uuid => {
                self.set_aside(folder, "describes a collection of another folder");
            }
            Ok(_) if !found.has_database => {
                self.set_aside(folder, "is not in the catalogue and has no documents.db");
            }
            Ok(described) => self.unknown.push(described),
            Err(reason) => {
                let reason = format!("is not in the catalogue and {reason}");
                self.set_aside(folder, &reason);
            }
        }
    }

    /// Where changes were lost, a drop is among them; else a folder is.
    fn look_at_rows_without_folder(&mut self, changes_lost: bool) {
        let without: Vec<Uuid> =
            self.rows.keys().filter(|uuid| !self.with_folder.contains(uuid)).copied().collect();
        for uuid in without {
            let Some(stamped) = self.rows.get(&uuid) else { continue };
            let name = stamped.row.name.clone();
            if changes_lost {
                self.rows.remove(&uuid);
                self.plan.rows_changed = true;
                let detail = format!(
                    "{name} has no folder {uuid}: it was dropped by a lost change, or its files are lost"
                );
                self.tell(FindingKind::Removed, detail);
            } else {
                self.tell(FindingKind::Missing, format!("{name} has no folder {uuid}"));
            }
        }
    }

    /// Leaves a name that several rows claim, be it as an alias, to the one that was written last: the
    /// others are from before a change that was lost.
    fn settle_names(&mut self) {
        let mut newest_first: Vec<_> =
            self.rows.values().map(|it| (Reverse(it.change), it.row.uuid)).collect();
        newest_first.sort_unstable();
        let mut taken = HashSet::new();
        for (_, uuid) in newest_first {
            let Some(mut stamped) = self.rows.get(&uuid).cloned() else { continue };
            let claimed = stamped.row.name.clone();
            if !taken.insert(claimed.clone()) {
                stamped.row.name = self.free_name(&stamped.row);
                taken.insert(stamped.row.name.clone());
                let detail = format!(
                    "the folder {uuid} is called {} now, {claimed} is the newer name of another one",
                    stamped.row.name
                );
                self.tell(FindingKind::Restored, detail);
            }
            let name = stamped.row.name.clone();
            stamped.row.aliases.retain(|alias| {
                let is_free = taken.insert(alias.clone());
                if !is_free {
                    self.tell_alias_taken(alias, &name);
                }
                is_free
            });
            if self.rows.get(&uuid).is_some_and(|before| before.row != stamped.row) {
                self.plan.rows_changed = true;
                self.plan.describe.insert(uuid);
                self.rows.insert(uuid, Stamped { change: 0, ..stamped });
            }
        }
    }

    fn tell_alias_taken(&mut self, alias: &CollectionName, of: &CollectionName) {
        let detail =
            format!("{alias} is no alias of {of} any more, it is the newer name of another one");
        self.tell(FindingKind::Restored, detail);
    }

    fn is_free(&self, name: &CollectionName) -> bool {
        self.rows.values().all(|it| it.row.name != *name && !it.row.aliases.contains(name))
    }

    /// Takes up the collections that the catalogue did not name, those that were written last first: a
    /// name that several claim is theirs, the others are from before a rename.
    fn adopt(&mut self) {
        let mut unknown = std::mem::take(&mut self.unknown);
        unknown.sort_by_key(|Description { stamped: Stamped { row, change }, .. }| {
            (Reverse(*change), row.created_unix_ms, row.uuid)
        });
        for Description { stamped, .. } in unknown {
            let mut row = stamped.row;
            let uuid = row.uuid;
            let name = self.free_name(&row);
            let (kept, taken): (Vec<_>, Vec<_>) = std::mem::take(&mut row.aliases)
                .into_iter()
                .partition(|alias| *alias != name && self.is_free(alias));
            row.aliases = kept;
            for alias in &taken {
                self.tell_alias_taken(alias, &name);
            }
            let was_damaged = self.damaged.remove(&uuid.to_string()).is_some();
            let detail = match (was_damaged, name == row.name) {
                (true, _) => format!("the row of {name} was damaged, it is taken from its folder"),
                (false, true) => format!("{name} was not in the catalogue"),
                (false, false) => {
                    format!("{} was not in the catalogue, it is called {name} now", row.name)
                }
            };
            let kind = if was_damaged { FindingKind::Restored } else { FindingKind::Adopted };
            self.tell(kind, detail);
            self.rows.insert(uuid, Stamped { row: CollectionRecord { name, ..row }, change: 0 });
            self.plan.rows_changed = true;
            self.plan.describe.insert(uuid);
        }
    }

    /// The name of an adopted collection: its own, else with 8 digits of its uuid behind it.
    fn free_name(&self, row: &CollectionRecord) -> CollectionName {
        const DIGITS: usize = 8;
        const CHARS_MAX: usize = 64;
        let uuid = row.uuid.simple().to_string();
        // The first digits are a time, which collections of one moment share.
        let digits = &uuid[uuid.len() - DIGITS..];
        let kept: String = row.name.as_str().chars().take(CHARS_MAX - DIGITS - 1).collect();
        let names = [row.name.as_str().to_owned(), format!("{kept}-{digits}"), uuid.clone()];
        let mut names = names.iter().filter_map(|name| CollectionName::new(name).ok());
        names.find(|name| self.is_free(name)).unwrap_or_else(|| row.name.clone())
    }

    fn finish(mut self) -> Plan {
        for (uuid, (name, reason)) in std::mem::take(&mut self.damaged) {
            let detail = format!("a row that says it is {name:?}, {uuid:?}, is damaged: {reason}");
            self.tell(FindingKind::Removed, detail);
        }
        self.plan.rows = self.rows.into_values().collect();
        self.plan.rows.sort_by(|a, b| a.row.name.as_str().cmp(b.row.name.as_str()));
        self.plan
    }
}
