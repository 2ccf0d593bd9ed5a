//! The shell script that a page is, and what came out of each of its blocks.

use super::blocks::Block;
use crate::node::Addresses;

/// Begins a line that says which block's output follows, by the block's line.
const MARK: &str = "@@akidb-docs block ";

/// All blocks of a page that are run, as one script for bash.
///
/// Each block announces itself on both streams. `localhost:8080` and `localhost:9090` become the
/// node's own addresses.
pub(super) fn of_blocks(blocks: &[Block], node: Addresses) -> String {
    let mut script = String::from("set -euo pipefail\n");
    for block in blocks.iter().filter(|block| block.is_run()) {
        let mark = format!("printf '\\n{MARK}%s\\n' {}", block.line);
        script += &format!("{mark}; {mark} >&2\n");
        let code = with_addresses(&block.code, node);
        script += &match block.language.as_str() {
            "python" => format!("python3 - <<'@@akidb-docs'\n{code}@@akidb-docs\n"),
            _ => code,
        };
    }
    script
}

fn with_addresses(code: &str, node: Addresses) -> String {
    let (rest, grpc) = (node.rest.to_string(), node.grpc.to_string());
    let mapped = [
        ("localhost:8080", &rest),
        ("127.0.0.1:8080", &rest),
        ("localhost:9090", &grpc),
        ("127.0.0.1:9090", &grpc),
    ];
    mapped.into_iter().fold(code.to_owned(), |code, (text, own)| code.replace(text, own))
}

/// The output of each block that began, by its line.
pub(super) fn by_block(output: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    for line in output.split_inclusive('\n') {
        let mark = line.strip_prefix(MARK).and_then(|line| line.trim().parse().ok());
        match (mark, blocks.last_mut()) {
            (Some(line), _) => blocks.push((line, String::new())),
            (None, Some((_, output))) => output.push_str(line),
            (None, None) => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::docs::blocks::of_page;

    const PAGE: &str = "```sh\nname=world\nprintf 'no newline'\n```\n\
        <!-- not run: a test -->\n```sh\nexit 7\n```\n\
        ```python\nprint('hello', 1 + 1)\n```\n```sh\necho $name localhost:8080; false; echo never\n```\n";

    fn node() -> Addresses {
        Addresses { rest: ([127, 0, 0, 1], 1234).into(), grpc: ([127, 0, 0, 1], 5678).into() }
    }

    #[test]
    fn blocks_share_a_shell_and_the_first_failure_ends_it() {
        let script = of_blocks(&of_page(PAGE).unwrap(), node());
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(!output.status.success());
        let blocks = by_block(&String::from_utf8(output.stdout).unwrap());
        let expected = [(2, "no newline\n"), (10, "hello 2\n\n"), (13, "world 127.0.0.1:1234\n")];
        assert_eq!(blocks, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn both_names_of_both_addresses_become_the_nodes_own() {
        let text = "http://localhost:8080/ 127.0.0.1:8080 localhost:9090 127.0.0.1:9090";
        let own = "http://127.0.0.1:1234/ 127.0.0.1:1234 127.0.0.1:5678 127.0.0.1:5678";
        assert_eq!(with_addresses(text, node()), own);
    }
}
