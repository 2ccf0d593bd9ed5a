//! The fields and methods of the wire as they were: none changes its number or its type, none goes.

use std::collections::BTreeSet;

use akidb_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// One a line; what is new in the wire is added here.
const FIELDS: &str = include_str!("../golden/fields.txt");

#[test]
fn every_field_of_before_has_its_number_and_type() {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut found = BTreeSet::new();
    for file in files.file.iter().filter(|file| file.package().starts_with("akidb.")) {
        for message in &file.message_type {
            fields_of(message, file.package(), &mut found);
        }
        for kind in &file.enum_type {
            let values = kind.value.iter();
            let name = format!("{}.{}", file.package(), kind.name());
            found.extend(values.map(|it| format!("{name} {} = {}", it.name(), it.number())));
        }
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            found.extend(service.method.iter().map(|method| {
                let stream = |is_stream| if is_stream { "stream " } else { "" };
                let (given, answered) =
                    (stream(method.client_streaming()), stream(method.server_streaming()));
                let (input, output) = (method.input_type(), method.output_type());
                format!("{name} {}({given}{input}) {answered}{output}", method.name())
            }));
        }
    }
    let before: BTreeSet<String> = FIELDS.lines().map(str::to_owned).collect();
    let gone: Vec<_> = before.difference(&found).collect();
    assert!(gone.is_empty(), "the wire has no more: {gone:#?}");
    let new: Vec<_> = found.difference(&before).map(String::as_str).collect();
    assert!(new.is_empty(), "to be added to golden/fields.txt:\n{}", new.join("\n"));
}

fn fields_of(message: &DescriptorProto, within: &str, found: &mut BTreeSet<String>) {
    let name = format!("{within}.{}", message.name());
    for field in &message.field {
        let of = match field.type_name() {
            "" => format!("{:?}", field.r#type()).to_lowercase(),
            named => named.to_owned(),
        };
        let label = format!("{:?}", field.label()).to_lowercase();
        found.insert(format!("{name} {} = {}: {label} {of}", field.name(), field.number()));
    }
    for message in &message.nested_type {
        fields_of(message, &name, found);
    }
}
