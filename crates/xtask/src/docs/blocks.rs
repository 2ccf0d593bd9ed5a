//! The blocks of code of a Markdown page.

use anyhow::{Result, bail};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A fenced block of code.
#[derive(Debug, PartialEq)]
pub(super) struct Block {
    /// The first word behind the fence: `sh`.
    pub(super) language: String,
    /// Its first line of code, from 1.
    pub(super) line: usize,
    pub(super) code: String,
    /// Why it is not run, where the page says that it is not.
    pub(super) not_run: Option<String>,
}

impl Block {
    /// Whether a reader is meant to run it.
    pub(super) fn is_command(&self) -> bool {
        matches!(self.language.as_str(), "sh" | "python")
    }

    /// Whether the test runs it.
    pub(super) fn is_run(&self) -> bool {
        self.is_command() && self.not_run.is_none()
    }
}

const NOT_RUN: &str = "not run:";

/// Names of languages that would hide commands from the test.
const OTHER_NAMES: [&str; 6] = ["bash", "shell", "console", "shell-session", "zsh", "py"];

/// All blocks of a page, in order.
///
/// # Errors
/// A command block under a name that is not run, a reason that is empty, and one that stands before
/// anything else than a command block.
pub(super) fn of_page(text: &str) -> Result<Vec<Block>> {
    let mut reader = Reader { text, blocks: Vec::new(), html: String::new(), reason: None };
    for (event, range) in Parser::new_ext(text, Options::all()).into_offset_iter() {
        reader.take(event, range.start)?;
    }
    reader.refuse_reason_before_else(text.len())?;
    Ok(reader.blocks)
}

struct Reader<'a> {
    text: &'a str,
    blocks: Vec<Block>,
    html: String,
    /// Read, and to be used by the block that comes next.
    reason: Option<String>,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, at: usize) -> Result<()> {
        match event {
            Event::Start(Tag::HtmlBlock) => self.html.clear(),
            Event::Html(html) => self.html.push_str(&html),
            Event::End(TagEnd::HtmlBlock) => {
                self.refuse_reason_before_else(at)?;
                self.reason = reason_of(&self.html);
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => self.begin(&info, at)?,
            Event::Start(_) => self.refuse_reason_before_else(at)?,
            // Code comes in pieces where the block is indented.
            Event::Text(code) => {
                if let Some(block) = self.blocks.last_mut().filter(|block| block.is_open()) {
                    block.code.push_str(&code);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some(block) = self.blocks.last_mut() {
                    block.close();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, info: &str, at: usize) -> Result<()> {
        let language = info.split([' ', ',']).next().unwrap_or_default().to_owned();
        let line = self.line(at) + 1;
        if OTHER_NAMES.contains(&language.as_str()) {
            bail!("line {line}: write `sh` or `python` for `{language}`, so that the block is run");
        }
        let not_run = self.reason.take();
        if not_run.as_ref().is_some_and(String::is_empty) {
            bail!("line {line}: no reason is given why the block is not run");
        }
        let block = Block { language, line, code: OPEN.to_owned(), not_run };
        if block.not_run.is_some() && !block.is_command() {
            bail!("line {line}: a block of `{}` is never run", block.language);
        }
        self.blocks.push(block);
        Ok(())
    }

    fn refuse_reason_before_else(&self, at: usize) -> Result<()> {
        if self.reason.is_some() {
            bail!("line {}: the reason before it belongs to no block of code", self.line(at));
        }
        Ok(())
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

/// Stands before the code of a block that is still being read; no code of ours has a NUL.
const OPEN: &str = "\0";

impl Block {
    fn is_open(&self) -> bool {
        self.code.starts_with(OPEN)
    }

    fn close(&mut self) {
        if self.is_open() {
            self.code.remove(0);
        }
    }
}

/// The reason in `<!-- not run: REASON -->`.
fn reason_of(html: &str) -> Option<String> {
    let comment = html.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
    let reason = comment.trim().strip_prefix(NOT_RUN)?;
    Some(reason.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(language: &str, line: usize, code: &str, not_run: Option<&str>) -> Block {
        Block {
            language: language.to_owned(),
            line,
            code: code.to_owned(),
            not_run: not_run.map(str::to_owned),
        }
    }

    #[track_caller]
    fn check(page: &str, expected: &[Block]) {
        assert_eq!(of_page(page).unwrap(), expected);
    }

    #[test]
    fn blocks_are_found_with_their_lines_and_reasons() {
        check("text `code`\n\n    indented\n", &[]);
        check("# a\n\n```sh\none\ntwo\n```\n", &[block("sh", 4, "one\ntwo\n", None)]);
        check("- item\n\n  ```python\n  x\n  y\n  ```\n", &[block("python", 4, "x\ny\n", None)]);
        check("~~~json\n{}\n~~~\n", &[block("json", 2, "{}\n", None)]);
        check("````text\n```sh\nx\n```\n````\n", &[block("text", 2, "```sh\nx\n```\n", None)]);
        check(
            "<!-- not run: it takes\nminutes -->\n```sh\nx\n```\nand\n```sh\ny\n```\n",
            &[block("sh", 4, "x\n", Some("it takes minutes")), block("sh", 8, "y\n", None)],
        );
        check("<!-- other -->\n```sh\nx\n```\n", &[block("sh", 3, "x\n", None)]);
    }

    #[test]
    fn pages_that_hide_commands_are_refused() {
        for page in [
            "```bash\nx\n```\n",
            "<!-- not run: -->\n```sh\nx\n```\n",
            "<!-- not run: far away -->\n\ntext\n\n```sh\nx\n```\n",
            "<!-- not run: no command -->\n```json\n{}\n```\n",
            "<!-- not run: the end -->\n",
        ] {
            assert!(of_page(page).is_err(), "{page}");
        }
    }
}
