//! The page of the configuration, from `config/akidb.toml`, which a test of the node holds against
//! the settings and their defaults.

use std::fs;

use super::NOTICE;
use crate::workspace;

/// Its text.
pub(super) fn page() -> String {
    let file = workspace::root().join("config/akidb.toml");
    // Where the file is missing the page is empty, and the check says that it is stale.
    of_file(&fs::read_to_string(file).unwrap_or_default())
}

fn of_file(toml: &str) -> String {
    let mut page = format!(
        "{}\n\n# Configuration\n\n\
         Flags win over variables, variables over the file (`akidb serve --config FILE`), the file over \
         the\ndefaults. The variable of a key is `AKIDB_SECTION__KEY`: `server.rest_addr` is \
         `AKIDB_SERVER__REST_ADDR`,\n`embedding.mlx.device` is `AKIDB_EMBEDDING__MLX__DEVICE`. Unknown \
         keys are refused. `akidb config show`\nsays what is in effect and where it comes from. \
         [config/akidb.toml](../../config/akidb.toml) has every key.\n",
        NOTICE.replace("the table in the code", "config/akidb.toml")
    );
    let mut meaning: Vec<&str> = Vec::new();
    let mut is_in_section = false;
    for line in toml.lines() {
        if let Some(section) = line.strip_prefix('[') {
            page += &format!(
                "\n## [{}\n\n| key | default | meaning |\n|---|---|---|\n",
                section.trim()
            );
            is_in_section = true;
            meaning.clear();
        } else if let Some((key, value)) = key_of(line) {
            if is_in_section {
                let text = meaning.join(" ").replace('|', "\\|");
                page += &format!("| `{key}` | {} | {text} |\n", default_of(line, value));
            }
            meaning.clear();
        } else if let Some(comment) = line.strip_prefix('#') {
            meaning.push(comment.trim());
        } else {
            meaning.clear();
        }
    }
    page
}

/// `key = value`, also where it is a comment because there is no fixed default.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim_start_matches("# ").split_once(" = ")?;
    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_key.then_some((key, value))
}

fn default_of(line: &str, value: &str) -> String {
    if line.starts_with('#') { format!("none; such as `{value}`") } else { format!("`{value}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_under_their_sections_with_what_stands_above_them() {
        let page = of_file(
            "# The file.\n\n[server]\n# Where it\n# listens.\nrest_addr = \"a\"\n[a.b]\n\
             # None:\n# path = \"/x\"\n",
        );
        let rows: Vec<_> = page.lines().filter(|line| line.starts_with(['#', '|'])).collect();
        assert_eq!(
            rows[1..],
            [
                "## [server]",
                "| key | default | meaning |",
                "|---|---|---|",
                "| `rest_addr` | `\"a\"` | Where it listens. |",
                "## [a.b]",
                "| key | default | meaning |",
                "|---|---|---|",
                "| `path` | none; such as `\"/x\"` | None: |",
            ]
        );
    }
}
