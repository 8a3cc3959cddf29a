//! A few types of R4, as much as the tests of this room need.

use crate::fhirpath::model::{Kind, Model, Property, Type};

/// Name, supertype, kind. The number of a type is its place.
const TYPES: &[(&str, &str, Kind)] = &[
    ("Resource", "", Kind::AnyResource),
    ("Element", "", Kind::Complex),
    ("Patient", "Resource", Kind::Resource),
    ("Observation", "Resource", Kind::Resource),
    ("Bundle", "Resource", Kind::Resource),
    ("Bundle.entry", "Element", Kind::Complex),
    ("Patient.contact", "Element", Kind::Complex),
    ("HumanName", "Element", Kind::Complex),
    ("Identifier", "Element", Kind::Complex),
    ("Extension", "Element", Kind::Complex),
    ("Reference", "Element", Kind::Complex),
    ("Period", "Element", Kind::Complex),
    ("Quantity", "Element", Kind::Quantity),
    ("Age", "Quantity", Kind::Quantity),
    ("string", "Element", Kind::String),
    ("code", "string", Kind::String),
    ("uri", "Element", Kind::String),
    ("boolean", "Element", Kind::Boolean),
    ("decimal", "Element", Kind::Decimal),
    ("integer", "Element", Kind::Integer),
    ("date", "Element", Kind::Date),
    ("dateTime", "Element", Kind::DateTime),
];

/// Parent, key, name, type; an array where the name ends in `*`.
const PROPERTIES: &[(&str, &str, &str, &str)] = &[
    ("Patient", "id", "id", "string"),
    ("Patient", "active", "active", "boolean"),
    ("Patient", "birthDate", "birthDate", "date"),
    ("Patient", "gender", "gender", "code"),
    ("Patient", "name", "name*", "HumanName"),
    ("Patient", "identifier", "identifier*", "Identifier"),
    ("Patient", "contact", "contact*", "Patient.contact"),
    ("Patient", "contained", "contained*", "Resource"),
    ("Patient", "deceasedBoolean", "deceased", "boolean"),
    ("Patient", "deceasedDateTime", "deceased", "dateTime"),
    ("Patient", "managingOrganization", "managingOrganization", "Reference"),
    ("Patient.contact", "name", "name", "HumanName"),
    ("Patient.contact", "gender", "gender", "code"),
    ("HumanName", "use", "use", "code"),
    ("HumanName", "family", "family", "string"),
    ("HumanName", "given", "given*", "string"),
    ("HumanName", "period", "period", "Period"),
    ("Identifier", "system", "system", "uri"),
    ("Identifier", "value", "value", "string"),
    ("Period", "start", "start", "dateTime"),
    ("Period", "end", "end", "dateTime"),
    ("Element", "id", "id", "string"),
    ("Element", "extension", "extension*", "Extension"),
    ("Extension", "url", "url", "uri"),
    ("Extension", "valueString", "value", "string"),
    ("Reference", "reference", "reference", "string"),
    ("Observation", "id", "id", "string"),
    ("Observation", "status", "status", "code"),
    ("Observation", "subject", "subject", "Reference"),
    ("Observation", "valueQuantity", "value", "Quantity"),
    ("Observation", "valueString", "value", "string"),
    ("Quantity", "value", "value", "decimal"),
    ("Quantity", "unit", "unit", "string"),
    ("Bundle", "entry", "entry*", "Bundle.entry"),
    ("Bundle.entry", "fullUrl", "fullUrl", "uri"),
    ("Bundle.entry", "resource", "resource", "Resource"),
];

pub(in crate::fhirpath) struct Few;

fn ty(id: usize) -> Type<'static> {
    Type { name: TYPES[id].0, id: id as u16, kind: TYPES[id].2 }
}

impl Model for Few {
    fn named(&self, name: &str) -> Option<Type<'_>> {
        TYPES.iter().position(|t| t.0 == name).map(ty)
    }

    fn property(&self, parent: u16, key: &str) -> Option<Property<'_>> {
        let parent = TYPES[usize::from(parent)].0;
        let found = PROPERTIES.iter().find(|p| p.0 == parent && p.1 == key)?;
        let name = found.2.trim_end_matches('*');
        Some(Property { name, ty: self.named(found.3)?, array: found.2.ends_with('*') })
    }

    fn has_element(&self, parent: u16, name: &str) -> bool {
        let parent = TYPES[usize::from(parent)].0;
        PROPERTIES.iter().any(|p| p.0 == parent && p.2.trim_end_matches('*') == name)
    }

    fn is_subtype(&self, ty: u16, ancestor: u16) -> bool {
        let own = TYPES[usize::from(ty)];
        ty == ancestor || self.named(own.1).is_some_and(|parent| self.is_subtype(parent.id, ancestor))
    }
}
