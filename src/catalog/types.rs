//! The types of FHIR as the server reads them: what an object may hold, by JSON key.
//!
//! R4 <https://hl7.org/fhir/R4/structuredefinition.html>, <https://hl7.org/fhir/R4/datatypes.html> and, for the
//! names of keys, <https://hl7.org/fhir/R4/json.html>.

use std::sync::Arc;

use super::key_table::KeyTable;
use super::value_set::CodeSet;

/// A type by its number in the catalog that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(pub u16);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    Primitive(Primitive),
    /// A datatype with elements, such as HumanName.
    Complex,
    /// A resource type; also the abstract `Resource` and `DomainResource`.
    Resource,
    /// An element defined in place, named by its path: `Patient.contact`, `Timing.repeat`.
    Backbone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

impl Primitive {
    pub const ALL: [Primitive; 20] = [
        Primitive::Base64Binary,
        Primitive::Boolean,
        Primitive::Canonical,
        Primitive::Code,
        Primitive::Date,
        Primitive::DateTime,
        Primitive::Decimal,
        Primitive::Id,
        Primitive::Instant,
        Primitive::Integer,
        Primitive::Markdown,
        Primitive::Oid,
        Primitive::PositiveInt,
        Primitive::String,
        Primitive::Time,
        Primitive::UnsignedInt,
        Primitive::Uri,
        Primitive::Url,
        Primitive::Uuid,
        Primitive::Xhtml,
    ];

    /// Returns the primitive of this name, which is case-sensitive.
    pub fn parse(name: &str) -> Option<Primitive> {
        Primitive::ALL.into_iter().find(|p| p.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Primitive::Base64Binary => "base64Binary",
            Primitive::Boolean => "boolean",
            Primitive::Canonical => "canonical",
            Primitive::Code => "code",
            Primitive::Date => "date",
            Primitive::DateTime => "dateTime",
            Primitive::Decimal => "decimal",
            Primitive::Id => "id",
            Primitive::Instant => "instant",
            Primitive::Integer => "integer",
            Primitive::Markdown => "markdown",
            Primitive::Oid => "oid",
            Primitive::PositiveInt => "positiveInt",
            Primitive::String => "string",
            Primitive::Time => "time",
            Primitive::UnsignedInt => "unsignedInt",
            Primitive::Uri => "uri",
            Primitive::Url => "url",
            Primitive::Uuid => "uuid",
            Primitive::Xhtml => "xhtml",
        }
    }
}

/// A type: its elements, inherited ones first, in the order that XML wants.
#[derive(Debug)]
pub struct TypeDef {
    pub id: TypeId,
    /// `Patient`, `HumanName`, `code`, or the path of an element defined in place: `Patient.contact`.
    pub name: Box<str>,
    pub kind: TypeKind,
    /// Whether only its subtypes have instances: `Resource`, `DomainResource`, `Element`, `BackboneElement`.
    pub r#abstract: bool,
    /// The type it specialises, as `string` for `code`; none for `Element` and `Resource`.
    pub base: Option<TypeId>,
    /// For a primitive these are `id` and `extension`, the content of its `_name` sibling.
    pub fields: Vec<Field>,
    /// The fields that must be there, as a set of bits: bit n for index n.
    pub required: u64,
    /// Invariants on the whole, without those of `base`.
    pub rules: Vec<Rule>,
    pub(super) keys: KeyTable,
}

impl TypeDef {
    /// Returns the element that a JSON key holds, and its type: `valueQuantity` is `value[x]` as a Quantity.
    ///
    /// A key with a leading underscore is not known here: strip it, and the field's type must be primitive.
    pub fn lookup(&self, json_key: &str) -> Option<(&Field, TypeId)> {
        self.lookup_key(json_key).map(|(field, ty)| (field, ty.ty))
    }

    /// Returns the same as [`TypeDef::lookup`], with the allowed targets of a reference.
    pub fn lookup_key(&self, json_key: &str) -> Option<(&Field, &FieldType)> {
        let (field, ty) = self.keys.get(json_key)?;
        let field = self.fields.get(usize::from(field))?;
        Some((field, field.types.get(usize::from(ty))?))
    }

    /// Returns the element of this name, which for a choice has no type: `value`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }
}

/// An element of a type.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name without `[x]`.
    pub name: Box<str>,
    /// Whether the JSON key is the name followed by the type.
    pub choice: bool,
    pub min: u32,
    /// The most repetitions; none for `*`.
    pub max: Option<u32>,
    /// One type, or several for a choice.
    pub types: Vec<FieldType>,
    /// Whether JSON holds it in an array: it may repeat.
    pub array: bool,
    pub summary: bool,
    pub modifier: bool,
    /// The codes of a required binding, where the element is a plain `code`.
    pub codes: Option<Arc<CodeSet>>,
    /// The value set of a required binding on a Coding or CodeableConcept.
    pub binding: Option<Arc<CodeSet>>,
    /// The place among the fields of its type, which is its place in XML; always below 64.
    pub index: usize,
    /// Whether XML writes it as an attribute: `id` of an element, `url` of an Extension.
    pub xml_attribute: bool,
    /// Invariants that the element adds to those of its type.
    pub rules: Vec<Rule>,
}

/// One of the types an element may have.
#[derive(Debug, Clone)]
pub struct FieldType {
    pub ty: TypeId,
    pub json_key: Box<str>,
    /// The types a Reference or canonical may lead to, or the profile of a Quantity; empty for any.
    pub targets: Vec<Box<str>>,
}

/// An invariant, still as text.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Such as `pat-1`.
    pub key: Box<str>,
    /// Whether breaking it is an error; a warning otherwise.
    pub error: bool,
    pub expression: Box<str>,
}
