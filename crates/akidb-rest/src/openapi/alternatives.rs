//! What of a body must be there together: rules that a struct of optional fields does not say.

use utoipa::openapi::{
    RefOr,
    schema::{AllOfBuilder, AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type},
};

/// How many of some fields are given.
#[derive(Clone, Copy)]
enum Given {
    ExactlyOne,
    AtLeastOne,
}

/// A field that is given, and what it then is.
#[derive(Clone, Copy)]
enum Field {
    Text(&'static str),
    List(&'static str),
    Id(&'static str),
    Object(&'static str),
    /// An object that is not empty.
    Filled(&'static str),
    True(&'static str),
}

const RULES: &[(&str, Given, &[Field])] = &[
    ("NewDocument", Given::AtLeastOne, &[Field::Text("text"), Field::List("vector")]),
    (
        "PatchDocument",
        Given::AtLeastOne,
        &[Field::Text("text"), Field::List("vector"), Field::Object("metadata")],
    ),
    (
        "SearchRequest",
        Given::ExactlyOne,
        &[Field::Text("text"), Field::List("vector"), Field::Id("id")],
    ),
    ("GetRequest", Given::ExactlyOne, &[Field::List("ids"), Field::Object("filter")]),
    (
        "DeleteRequest",
        Given::ExactlyOne,
        &[Field::List("ids"), Field::Filled("filter"), Field::True("all")],
    ),
    ("UpdateRequest", Given::ExactlyOne, &[Field::Filled("filter"), Field::True("all")]),
];

impl Field {
    /// An object that has it.
    fn schema(self) -> ObjectBuilder {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let (name, schema): (&str, Schema) = match self {
            Self::Text(name) => (name, of(Type::String).into()),
            Self::List(name) => (name, ArrayBuilder::new().items(ObjectBuilder::new()).into()),
            Self::Id(name) => {
                (name, OneOfBuilder::new().item(of(Type::String)).item(of(Type::Integer)).into())
            }
            Self::Object(name) => (name, of(Type::Object).into()),
            Self::Filled(name) => (name, of(Type::Object).min_properties(Some(1)).into()),
            Self::True(name) => (name, of(Type::Boolean).enum_values(Some([true])).into()),
        };
        ObjectBuilder::new().required(name).property(name, schema)
    }
}

/// Adds the rules to the schemas that they are about.
#[expect(deprecated, reason = "the page that tries requests reads `example`")]
pub(super) fn put_into(schemas: &mut [(String, RefOr<Schema>)]) {
    for (name, schema) in schemas {
        let Some((_, given, fields)) = RULES.iter().find(|(of, ..)| of == name) else { continue };
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        let fields = fields.iter().map(|field| field.schema());
        let rule: Schema = match given {
            Given::ExactlyOne => fields.fold(OneOfBuilder::new(), OneOfBuilder::item).into(),
            Given::AtLeastOne => fields.fold(AnyOfBuilder::new(), AnyOfBuilder::item).into(),
        };
        let example = object.example.take();
        let mut all = AllOfBuilder::new().item(object.clone()).item(rule).example(example);
        if name == "SearchRequest" {
            all = all.item(window());
        }
        *schema = RefOr::T(all.into());
    }
}

/// `limit` and `offset` together are at most 10,000.
fn window() -> Schema {
    let within = |limit: f64, offset: f64| {
        let at_most = |most| ObjectBuilder::new().maximum(Some(most));
        ObjectBuilder::new().property("limit", at_most(limit)).property("offset", at_most(offset))
    };
    let windows = [(5_000.0, 5_000.0), (10_000.0, 0.0), (10.0, 9_990.0)];
    let windows = windows.into_iter().map(|(limit, offset)| within(limit, offset));
    windows.fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
}
