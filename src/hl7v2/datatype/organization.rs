//! XON: organizations, of which a resource is made where they have an identifier.
//!
//! v2-to-FHIR, XON\[Organization\], CWE\[Organization\], HD\[Organization\].

use super::coded;
use super::identifier::{self, Authority};
use super::text::{clean_code, string};
use crate::hl7v2::ctx::Ctx;
use crate::hl7v2::draft::{Draft, Identifier, Identity, Update};
use crate::hl7v2::message::Part;
use serde_json::{Map, Value, json};

/// XON → Reference(Organization).
pub fn organization(ctx: &Ctx, part: Part) -> Option<Value> {
    let name = string(part.part(1));
    let Some(value) = string(part.part(10)).or_else(|| string(part.part(3))) else {
        return Some(json!({"display": name?}));
    };
    let authority = Authority::read(part.part(6));
    let kind = part.part(7).text().and_then(|text| clean_code(&text));
    let system = identifier::system(ctx, &authority, kind.as_deref(), part.at);
    let made = identifier::made(system.clone(), value.clone(), kind.as_deref(), &authority);
    Some(add(ctx, part, Identifier { system, value }, made, name))
}

/// CWE → Reference(Organization): OBX-15 and others that name an organization by a code.
pub fn organization_of_code(ctx: &Ctx, part: Part) -> Option<Value> {
    let name = coded::words(part).filter(|_| !part.part(2).is_absent() || !part.part(9).is_absent());
    let Some(value) = string(part.part(1)) else { return Some(json!({"display": name?})) };
    let named = string(part.part(3));
    let system = ctx.coding_system(named.as_deref(), string(part.part(14)).as_deref()).unwrap_or_else(|| ctx.house());
    let made = identifier::made(system.clone(), value.clone(), None, &Authority::default());
    Some(add(ctx, part, Identifier { system, value }, made, name))
}

/// HD → Reference(Organization): a facility, such as MSH-4.
pub fn organization_of_authority(ctx: &Ctx, part: Part) -> Option<Value> {
    let authority = Authority::read(part);
    let uri = authority.uri(ctx)?;
    // R4 Identifier.value: what is a URI itself is of the system of URIs.
    let identifier = Identifier { system: "urn:ietf:rfc:3986".to_string(), value: uri };
    let made = identifier::made(identifier.system.clone(), identifier.value.clone(), None, &Authority::default());
    let name = authority.name.or(authority.id);
    Some(add(ctx, part, identifier, made, name))
}

fn add(ctx: &Ctx, part: Part, identifier: Identifier, made: Map<String, Value>, name: Option<String>) -> Value {
    let mut draft = Draft::new("Organization", part.at);
    draft.identity = Identity::Identifiers(vec![identifier]);
    draft.update = Update::Keep;
    draft.push("identifier", Value::Object(made));
    draft.set("name", name.clone());
    let handle = ctx.add_once(draft);
    let mut reference = handle.reference();
    if let Some(name) = name {
        // Who was only numbered before may be named now.
        ctx.change(handle, |draft| _ = draft.resource.entry("name").or_insert_with(|| name.clone().into()));
        reference["display"] = name.into();
    }
    reference
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, drafts};
    use serde_json::json;

    #[test]
    fn an_organization_is_recognized_by_its_identifier() {
        check("Organization", "Lab^L^3^^^KNOWN^XX^^^10", r#"{"reference":"urn:x-draft:0","display":"Lab"}"#);
        check("Organization", "Lab", r#"{"display":"Lab"}"#);
        check("Organization", "^L", "-");
        let kind = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "XX"}]});
        let identifier = |value: &str| {
            let assigner = json!({"display": "KNOWN"});
            json!({"type": kind, "system": "https://known.example/ids", "value": value, "assigner": assigner})
        };
        let made =
            |value: &str| json!({"resourceType": "Organization", "identifier": [identifier(value)], "name": "Lab"});
        assert_eq!(drafts("Organization", "ZZZ|Lab^L^3^^^KNOWN^XX^^^10~Lab^^^^^KNOWN^XX^^^10", 1), [made("10")]);
        assert_eq!(drafts("Organization", "ZZZ|Lab^L^3^^^KNOWN^XX", 1), [made("3")]);
    }

    #[test]
    fn codes_and_facilities_name_organizations() {
        check("OrganizationCode", "05D0^Lab^CLIA", r#"{"reference":"urn:x-draft:0","display":"Lab"}"#);
        let clia = json!({"system": "urn:x-v2:HOSP:CLIA", "value": "05D0"});
        let expected = json!({"resourceType": "Organization", "identifier": [clia], "name": "Lab"});
        assert_eq!(drafts("OrganizationCode", "ZZZ|05D0^Lab^CLIA", 1), [expected]);
        let oid = json!({"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"});
        let expected = json!({"resourceType": "Organization", "identifier": [oid], "name": "WEST"});
        assert_eq!(drafts("OrganizationHD", "ZZZ|WEST^1.2.3.4^ISO", 1), [expected]);
    }
}
