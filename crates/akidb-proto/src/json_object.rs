//! A JSON object that keeps what a map would lose: the order of its members, and a key that comes
//! twice.

use prost::Message;

use crate::collection::v1::Value;

/// A JSON object. On the wire it is `map<string, Value> fields = 1`, which protobuf defines to be a
/// list of such entries.
#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    /// The members as they came, a key that came twice in two of them.
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<StructEntry>,
}

/// A member of an object.
#[derive(Clone, PartialEq, Message)]
pub struct StructEntry {
    /// The name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value; one that is absent has no kind.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
}

impl FromIterator<(String, Value)> for Struct {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(members: I) -> Self {
        let members = members.into_iter();
        Self {
            fields: members.map(|(key, value)| StructEntry { key, value: Some(value) }).collect(),
        }
    }
}

impl<const N: usize> From<[(String, Value); N]> for Struct {
    fn from(members: [(String, Value); N]) -> Self {
        members.into_iter().collect()
    }
}
