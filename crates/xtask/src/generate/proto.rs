//! The page of the gRPC contract, from the descriptors of the `.proto` files and their comments.

use std::collections::HashMap;

use prost::Message;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use super::NOTICE;

/// Its text.
pub(super) fn page() -> String {
    let mut page = format!(
        "{}\n\n# gRPC\n\nThe services, then the messages and enumerations of each file of \
         [proto/](../../proto).\nHealth (`grpc.health.v1`) and reflection (v1 and v1alpha) are served \
         too.\n",
        NOTICE.replace("the table in the code", "the files under proto/")
    );
    // Where the descriptors can not be read the page is empty, and the check says that it is stale.
    let files = FileDescriptorSet::decode(akidb_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let files: Vec<File> = files.file.iter().map(File::new).collect();
    files.iter().for_each(|file| file.services(&mut page));
    files.iter().for_each(|file| file.messages(&mut page));
    page
}

/// A file with its comments by the path of what they stand above.
struct File<'a> {
    file: &'a FileDescriptorProto,
    comments: HashMap<&'a [i32], &'a str>,
}

// The numbers of fields in descriptor.proto, of which paths are made.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const MEMBERS: i32 = 2;

impl<'a> File<'a> {
    fn new(file: &'a FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = locations
            .filter_map(|location| {
                Some((&location.path[..], location.leading_comments.as_deref()?))
            })
            .collect();
        Self { file, comments }
    }

    /// The comment as paragraphs.
    fn comment(&self, path: &[i32]) -> String {
        let lines = self.comments.get(path).copied().unwrap_or_default().lines();
        lines.map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// The comment in one cell of a table.
    fn cell(&self, path: &[i32]) -> String {
        let text = self.comment(path);
        text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
    }

    fn services(&self, page: &mut String) {
        for (s, service) in (0..).zip(&self.file.service) {
            let name = format!("{}.{}", self.file.package(), service.name());
            *page += &format!("\n## {name}\n\n{}\n", self.comment(&[SERVICES, s]));
            for (m, method) in (0..).zip(&service.method) {
                let side = |is_stream, name| {
                    format!("{}`{}`", if is_stream { "stream of " } else { "" }, short(name))
                };
                *page += &format!(
                    "\n### {}\n\nTakes {}, answers {}.\n\n{}\n",
                    method.name(),
                    side(method.client_streaming(), method.input_type()),
                    side(method.server_streaming(), method.output_type()),
                    self.comment(&[SERVICES, s, MEMBERS, m])
                );
            }
        }
    }

    fn messages(&self, page: &mut String) {
        if self.file.message_type.is_empty() && self.file.enum_type.is_empty() {
            return;
        }
        *page += &format!("\n## {}\n", self.file.name());
        for (m, message) in (0..).zip(&self.file.message_type) {
            self.message(page, m, message);
        }
        for (e, list) in (0..).zip(&self.file.enum_type) {
            *page += &format!("\n### {}\n\n{}\n", list.name(), self.comment(&[ENUMS, e]));
            *page += "\n| value | number | meaning |\n|---|---|---|\n";
            for (v, value) in (0..).zip(&list.value) {
                let meaning = self.cell(&[ENUMS, e, MEMBERS, v]);
                *page += &format!("| `{}` | {} | {meaning} |\n", value.name(), value.number());
            }
        }
    }

    fn message(&self, page: &mut String, m: i32, message: &DescriptorProto) {
        *page += &format!("\n### {}\n\n{}\n", message.name(), self.comment(&[MESSAGES, m]));
        if message.field.is_empty() {
            return;
        }
        *page += "\n| field | number | type | meaning |\n|---|---|---|---|\n";
        for (f, field) in (0..).zip(&message.field) {
            let meaning = self.cell(&[MESSAGES, m, MEMBERS, f]);
            let kind = type_of(field, message);
            *page += &format!("| `{}` | {} | {kind} | {meaning} |\n", field.name(), field.number());
        }
    }
}

fn type_of(field: &FieldDescriptorProto, message: &DescriptorProto) -> String {
    let is_map = |entry: &&DescriptorProto| {
        entry.name() == short(field.type_name())
            && entry.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
    };
    if let Some(entry) = message.nested_type.iter().find(is_map) {
        let types: Vec<_> = entry.field.iter().map(plain_type).collect();
        return format!("map of {}", types.join(" to "));
    }
    let kind = plain_type(field);
    if field.label() == Label::Repeated {
        format!("repeated {kind}")
    } else if field.proto3_optional() {
        format!("optional {kind}")
    } else {
        kind
    }
}

fn plain_type(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => format!("`{}`", short(field.type_name())),
        kind => format!("`{}`", kind.as_str_name().trim_start_matches("TYPE_").to_lowercase()),
    }
}

/// The name without its package.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_comment() {
        let page = page();
        assert!(page.contains("\n### StreamUpsertDocuments\n\nTakes stream of `"));
        assert!(
            page.contains("| `documents` | 2 | repeated `NewDocument` | 1 to `batch_documents`")
        );
        assert!(page.contains("| `fields` | 1 | map of `string` to `Value` |"));
        for line in page.lines() {
            assert!(!line.starts_with("| `") || !line.ends_with("|  |"), "{line}");
        }
    }
}
