//! What FHIRPath asks about types, answered from the catalog.
//!
//! R4 <https://hl7.org/fhir/R4/fhirpath.html#types>.

use super::{Catalog, Primitive, TypeDef, TypeId, TypeKind};
use crate::fhirpath::{Kind, Model, Property, Type};

impl Model for Catalog {
    fn named(&self, name: &str) -> Option<Type<'_>> {
        self.type_id(name).map(|id| self.model_type(id))
    }

    fn property(&self, parent: u16, key: &str) -> Option<Property<'_>> {
        let (field, id) = self.ty(TypeId(parent)).lookup(key)?;
        Some(Property { name: &field.name, ty: self.model_type(id), array: field.array })
    }

    fn has_element(&self, parent: u16, name: &str) -> bool {
        self.ty(TypeId(parent)).field(name).is_some()
    }

    fn is_subtype(&self, ty: u16, ancestor: u16) -> bool {
        Catalog::is_subtype(self, TypeId(ty), TypeId(ancestor))
    }
}

impl Catalog {
    fn model_type(&self, id: TypeId) -> Type<'_> {
        let def = self.ty(id);
        Type { name: &def.name, id: id.0, kind: self.model_kind(def) }
    }

    fn model_kind(&self, def: &TypeDef) -> Kind {
        let quantity = self.known.quantity;
        match def.kind {
            TypeKind::Primitive(primitive) => primitive_kind(primitive),
            TypeKind::Resource if def.r#abstract => Kind::AnyResource,
            TypeKind::Resource => Kind::Resource,
            _ if def.id == quantity || def.base == Some(quantity) => Kind::Quantity,
            _ => Kind::Complex,
        }
    }
}

fn primitive_kind(primitive: Primitive) -> Kind {
    match primitive {
        Primitive::Boolean => Kind::Boolean,
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt => Kind::Integer,
        Primitive::Decimal => Kind::Decimal,
        Primitive::Date => Kind::Date,
        Primitive::DateTime | Primitive::Instant => Kind::DateTime,
        Primitive::Time => Kind::Time,
        Primitive::Base64Binary
        | Primitive::Canonical
        | Primitive::Code
        | Primitive::Id
        | Primitive::Markdown
        | Primitive::Oid
        | Primitive::String
        | Primitive::Uri
        | Primitive::Url
        | Primitive::Uuid
        | Primitive::Xhtml => Kind::String,
    }
}
