//! Facts about R4 that the registries must know.

use std::sync::LazyLock;

use super::*;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::load().expect("the definitions are sound"));

fn ty(name: &str) -> &'static TypeDef {
    CATALOG.ty(CATALOG.type_id(name).unwrap_or_else(|| panic!("{name} is unknown")))
}

#[test]
fn every_resource_type_has_elements_and_parameters() {
    for t in ResourceType::all() {
        let def = CATALOG.ty(CATALOG.resource(t));
        assert_eq!(&*def.name, t.name());
        assert_eq!(def.kind, TypeKind::Resource);
        assert!(def.lookup("id").is_some() && def.lookup("meta").is_some(), "{t}");
        assert!(CATALOG.param(t, "_id").is_some(), "{t}");
    }
    assert_eq!(Primitive::ALL.map(|p| ty(p.name()).kind), Primitive::ALL.map(TypeKind::Primitive));
}

#[test]
fn a_json_key_leads_to_its_element_and_type() {
    // (type, key, element, type of the value)
    let cases = [
        ("Observation", "valueQuantity", "value", "Quantity"),
        ("Observation", "valueDateTime", "value", "dateTime"),
        ("Observation", "component", "component", "Observation.component"),
        ("Observation.component", "referenceRange", "referenceRange", "Observation.referenceRange"),
        ("Observation.component", "modifierExtension", "modifierExtension", "Extension"),
        ("Patient", "id", "id", "id"),
        ("Patient", "name", "name", "HumanName"),
        ("Patient", "contained", "contained", "Resource"),
        ("Patient", "text", "text", "Narrative"),
        ("Patient.contact", "id", "id", "string"),
        ("Questionnaire.item", "item", "item", "Questionnaire.item"),
        ("Extension", "valueMeta", "value", "Meta"),
        ("Extension", "url", "url", "uri"),
        ("Timing", "repeat", "repeat", "Timing.repeat"),
        ("Bundle.entry", "link", "link", "Bundle.link"),
        ("Bundle.entry", "resource", "resource", "Resource"),
        ("Age", "value", "value", "decimal"),
        ("code", "extension", "extension", "Extension"),
        ("xhtml", "id", "id", "string"),
    ];
    for (parent, key, element, value) in cases {
        let (field, id) = ty(parent).lookup(key).unwrap_or_else(|| panic!("{parent}.{key} is unknown"));
        assert_eq!((&*field.name, &*CATALOG.ty(id).name), (element, value), "{parent}.{key}");
    }
    for (parent, key) in [("Observation", "value"), ("Patient", "Name"), ("xhtml", "extension"), ("Bundle", "text")] {
        assert!(ty(parent).lookup(key).is_none(), "{parent}.{key}");
    }
}

#[test]
fn every_key_of_every_type_is_found() {
    for def in CATALOG.types() {
        for (i, field) in def.fields.iter().enumerate() {
            assert_eq!(field.index, i);
            for ty in &field.types {
                let (found, id) = def.lookup(&ty.json_key).expect("a key of its own type");
                assert_eq!((&found.name, id), (&field.name, ty.ty), "{}.{}", def.name, ty.json_key);
            }
        }
    }
}

#[test]
fn an_element_knows_its_facts() {
    let status = ty("Observation").field("status").unwrap();
    assert_eq!((status.min, status.max, status.array), (1, Some(1), false));
    assert!(status.summary && status.modifier);
    let codes = status.codes.as_ref().unwrap();
    assert!(codes.contains("final") && !codes.contains("Final"));
    assert_eq!(codes.system_of("final"), Some("http://hl7.org/fhir/observation-status"));
    let link = ty("Patient").field("link").unwrap();
    assert_eq!((link.min, link.max, link.array), (0, None, true));
    let (_, subject) = ty("Observation").lookup_key("subject").unwrap();
    assert_eq!(subject.targets.iter().map(|t| &**t).collect::<Vec<_>>(), ["Patient", "Group", "Device", "Location"]);
    assert!(ty("Attachment").field("contentType").unwrap().codes.as_ref().unwrap().open);
    assert!(ty("Extension").field("url").unwrap().xml_attribute);
    assert_eq!(&*ty("Patient").field("contact").unwrap().rules[0].key, "pat-1");
    assert_eq!(&*ty("Extension").rules[0].key, "ext-1");
}

#[test]
fn inherited_elements_come_first() {
    let names: Vec<_> = ty("Patient").fields.iter().map(|f| &*f.name).take(9).collect();
    let expected = [
        "id",
        "meta",
        "implicitRules",
        "language",
        "text",
        "contained",
        "extension",
        "modifierExtension",
        "identifier",
    ];
    assert_eq!(names, expected);
}

#[test]
fn subtypes_follow_the_specification() {
    let is = |a: &str, b: &str| CATALOG.is_subtype(CATALOG.type_id(a).unwrap(), CATALOG.type_id(b).unwrap());
    for (a, b) in
        [("code", "string"), ("Age", "Quantity"), ("Patient", "Resource"), ("Patient.contact", "BackboneElement")]
    {
        assert!(is(a, b) && !is(b, a), "{a} is a {b}");
    }
    assert!(!is("Bundle", "DomainResource"));
}

#[test]
fn a_parameter_of_several_types_is_split() {
    // (type, code, kind, expression)
    let cases = [
        ("Condition", "code", ParamKind::Token, "Condition.code"),
        ("MedicationRequest", "code", ParamKind::Token, "(MedicationRequest.medication as CodeableConcept)"),
        ("Patient", "birthdate", ParamKind::Date, "Patient.birthDate"),
        ("Patient", "_lastUpdated", ParamKind::Date, "Resource.meta.lastUpdated"),
        ("Patient", "_text", ParamKind::String, ""),
        ("InsurancePlan", "name", ParamKind::String, "name | alias"),
        ("Location", "near", ParamKind::Special, "Location.position"),
    ];
    for (name, code, kind, expression) in cases {
        let param = CATALOG.param(ResourceType::parse(name).unwrap(), code).unwrap();
        assert_eq!((param.kind, &*param.expression_text), (kind, expression), "{name}.{code}");
    }
    assert!(CATALOG.param(ResourceType::BUNDLE, "_text").is_none());
    let combo = CATALOG.param(ResourceType::parse("Observation").unwrap(), "combo-code-value-quantity").unwrap();
    assert_eq!(combo.components.len(), 2);
    assert!(!combo.multiple_or && combo.multiple_and);
}

#[test]
fn every_component_names_a_parameter() {
    let urls: std::collections::HashSet<&str> =
        ResourceType::all().flat_map(|t| CATALOG.params(t)).map(|p| &*p.url).collect();
    for param in ResourceType::all().flat_map(|t| CATALOG.params(t)) {
        assert_eq!(param.components.is_empty(), param.kind != ParamKind::Composite, "{}", param.url);
        for component in &param.components {
            assert!(urls.contains(&*component.definition), "{}", component.definition);
        }
    }
}

#[test]
fn no_type_has_a_parameter_twice() {
    for t in ResourceType::all() {
        let params = CATALOG.params(t);
        assert!(params.windows(2).all(|pair| pair[0].code < pair[1].code), "{t}");
        assert!(params.iter().all(|p| CATALOG.param(t, &p.code).is_some()), "{t}");
    }
}

#[test]
fn compartments_are_by_reference_parameters_of_their_members() {
    for name in ["Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"] {
        let compartment = CATALOG.compartment(name).unwrap();
        for (t, params) in compartment.members() {
            for code in params {
                let param = CATALOG.param(t, code).unwrap_or_else(|| panic!("{t} has no parameter {code}"));
                assert_eq!(param.kind, ParamKind::Reference, "{t}.{code}");
            }
        }
    }
    let patient = CATALOG.compartment("Patient").unwrap();
    let observation = ResourceType::parse("Observation").unwrap();
    assert_eq!(patient.params(observation).iter().map(|p| &**p).collect::<Vec<_>>(), ["subject", "performer"]);
    assert!(patient.params(ResourceType::BUNDLE).is_empty());
}

#[test]
fn fhirpath_asks_the_catalog_about_types() {
    use crate::fhirpath::{Kind, Model};
    let model: &dyn Model = &*CATALOG;
    // (type, kind)
    let kinds = [
        ("positiveInt", Kind::Integer),
        ("instant", Kind::DateTime),
        ("xhtml", Kind::String),
        ("Age", Kind::Quantity),
        ("Money", Kind::Complex),
        ("Patient.contact", Kind::Complex),
        ("Patient", Kind::Resource),
        ("DomainResource", Kind::AnyResource),
    ];
    for (name, kind) in kinds {
        assert_eq!(model.named(name).unwrap().kind, kind, "{name}");
    }
    let observation = model.named("Observation").unwrap().id;
    let value = model.property(observation, "valueQuantity").unwrap();
    assert_eq!((value.name, value.ty.name, value.array), ("value", "Quantity", false));
    assert!(model.has_element(observation, "value") && !model.has_element(observation, "valueQuantity"));
    assert!(model.property(observation, "component").unwrap().array);
}

#[test]
fn a_parameter_finds_its_values() {
    use crate::fhirpath::Context;
    let resource = serde_json::json!({
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueDateTime": "2020",
        "subject": {"reference": "Patient/1"}, "performer": [{"reference": "Patient/2"}, {"reference": "Group/3"}],
        "component": [{"code": {"text": "y"}, "valueQuantity": {"value": 1}}]
    });
    // (code, number of values)
    #[rustfmt::skip]
    let cases = [
        ("status", 1), ("combo-code", 2), ("patient", 1), ("performer", 2), ("value-date", 1), ("value-quantity", 0),
        ("combo-value-quantity", 1), ("_lastUpdated", 0), ("combo-code-value-quantity", 2),
    ];
    for (code, count) in cases {
        let param = CATALOG.param(ResourceType::parse("Observation").unwrap(), code).unwrap();
        let context = Context::for_search(&*CATALOG, &resource);
        let found = param.expression.as_ref().unwrap().evaluate(&context).unwrap();
        assert_eq!(found.len(), count, "{code}");
    }
}
