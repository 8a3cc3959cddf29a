//! What an app may be granted: what it asks, within its registration and within what the person's roles allow.
//!
//! SMART App Launch 2.2, scopes and launch context; RFC 6749 3.3: an unknown scope is granted less, not refused.

use super::wording;
use crate::access::granular;
use crate::access::role::{Role, ceiling};
use crate::access::scope::{Context, Scope};
use crate::fhir::ResourceType;
use crate::search::Registry;

/// Scopes that are granted without a tick box: they open nothing, they only say which patient or visit it is about.
const SILENT: &[&str] = &["launch", "launch/patient", "launch/encounter"];
/// Scopes about the person, and about how long it lasts.
const ABOUT_PERSON: &[&str] = &["openid", "fhirUser", "profile", "offline_access", "online_access"];

/// Within what an app may be granted anything.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// The scopes of the client's registration.
    pub registered: &'a str,
    pub roles: &'a [Role],
    /// Whether the account is linked to a resource, so that there is a `fhirUser`.
    pub is_linked: bool,
    /// Whether an EHR opened the launch.
    pub is_launched: bool,
    pub registry: &'a Registry,
}

/// What a person is offered to allow, in the order in which the app asked.
#[derive(Debug, Default)]
pub struct Offer {
    pub entries: Vec<Entry>,
}

#[derive(Debug, PartialEq)]
pub enum Entry {
    Plain(String),
    Item(Item),
    /// Asked for besides something wider: granted where that is.
    Echo(Scope),
}

/// A resource scope, and what can be allowed instead of the whole.
#[derive(Debug, PartialEq)]
pub struct Item {
    pub scope: Scope,
    pub parts: Vec<Part>,
}

/// Scopes that share a tick box: most often one, and many for "everything else".
#[derive(Debug, PartialEq)]
pub struct Part(pub Vec<Scope>);

impl Part {
    /// Returns the value of the tick box.
    pub fn value(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Returns whether this is the box for all kinds that have none of their own.
    pub fn is_rest(&self) -> bool {
        self.0.len() > 1
    }
}

/// Returns the offer for what an app asks.
pub fn negotiate(asked: &[String], bounds: &Bounds) -> Offer {
    let registered: Vec<&str> = bounds.registered.split_ascii_whitespace().collect();
    let limits: Vec<Scope> = registered.iter().filter_map(|text| Scope::parse(text)).collect();
    let mut entries = Vec::new();
    for text in asked {
        match Scope::parse(text) {
            Some(scope) => {
                let found = meet(&scope, &limits).into_iter().filter_map(|scope| below_ceiling(&scope, bounds));
                entries.extend(
                    found.filter(|scope| can_be_asked(scope, bounds.registry)).map(|scope| item(scope, bounds)),
                );
            }
            None if registered.contains(&text.as_str()) && is_plain(text, asked, bounds) => {
                entries.push(Entry::Plain(text.clone()));
            }
            None => {}
        }
    }
    Offer { entries: fold(entries) }
}

/// Returns whether a client may be granted any of this by some person, so that it makes sense to ask one.
pub fn is_hopeless(asked: &[String], registered: &str) -> bool {
    let registered: Vec<&str> = registered.split_ascii_whitespace().collect();
    let limits: Vec<Scope> = registered.iter().filter_map(|text| Scope::parse(text)).collect();
    !asked.iter().any(|text| match Scope::parse(text) {
        Some(scope) => scope.context != Context::System && !meet(&scope, &limits).is_empty(),
        None => text == "openid" && registered.contains(&"openid"),
    })
}

fn is_plain(text: &str, asked: &[String], bounds: &Bounds) -> bool {
    match text {
        "launch" => bounds.is_launched,
        "fhirUser" | "profile" => bounds.is_linked,
        // What goes on offline goes on online, too.
        "online_access" => !asked.iter().any(|other| other == "offline_access"),
        _ => SILENT.contains(&text) || ABOUT_PERSON.contains(&text),
    }
}

/// Returns what of a scope lies within the limits; several scopes where the limits are narrower than it.
pub fn meet(asked: &Scope, limits: &[Scope]) -> Vec<Scope> {
    let mut found: Vec<(Option<ResourceType>, Option<&str>, String)> = Vec::new();
    for limit in limits.iter().filter(|limit| limit.context == asked.context) {
        let t = match (asked.resource_type, limit.resource_type) {
            (t, None) | (None, t) => t,
            (Some(mine), Some(its)) if mine == its => Some(mine),
            _ => continue,
        };
        let query = match (asked.query(), limit.query()) {
            (query, None) | (None, query) => query,
            (Some(mine), Some(its)) if mine == its => Some(mine),
            _ => continue,
        };
        match found.iter_mut().find(|(known, narrowed, _)| (*known, *narrowed) == (t, query)) {
            Some((.., letters)) => letters.push_str(&limit.letters()),
            None => found.push((t, query, limit.letters())),
        }
    }
    let scopes = found.into_iter().filter_map(|(t, query, letters)| {
        let scope = t.map_or_else(|| asked.clone(), |t| asked.of_type(t)).within(&letters)?;
        Some(match query {
            Some(query) if asked.query().is_none() => scope.narrowed(query),
            _ => scope,
        })
    });
    let scopes: Vec<Scope> = scopes.collect();
    let is_covered = |scope: &Scope| scopes.iter().any(|other| other != scope && other.covers(scope));
    scopes.iter().filter(|scope| !is_covered(scope)).cloned().collect()
}

/// Returns the scope with the letters that the roles allow; for all types, those that they allow on any.
fn below_ceiling(scope: &Scope, bounds: &Bounds) -> Option<Scope> {
    match (scope.context, scope.resource_type) {
        (Context::System, _) => None,
        (_, Some(t)) => scope.within(&letters(bounds, t)),
        (_, None) => scope.within(&ResourceType::all().map(|t| letters(bounds, t)).collect::<String>()),
    }
}

fn letters(bounds: &Bounds, t: ResourceType) -> String {
    ceiling(bounds.roles, t).to_string()
}

fn can_be_asked(scope: &Scope, registry: &Registry) -> bool {
    granular::condition(registry, scope).is_ok()
}

fn item(scope: Scope, bounds: &Bounds) -> Entry {
    let parts = match scope.resource_type {
        None => kinds(&scope, bounds),
        Some(_) if scope.query().is_some() => Vec::new(),
        Some(t) => wording::narrowings(t).map(|query| Part(vec![scope.narrowed(&query)])).collect(),
    };
    Entry::Item(Item { scope, parts })
}

/// Returns the types of a scope for all of them: those with words one by one, the others together.
fn kinds(scope: &Scope, bounds: &Bounds) -> Vec<Part> {
    let of = |t: ResourceType| scope.of_type(t).within(&letters(bounds, t));
    let told = |t: ResourceType| wording::KINDS.iter().any(|(name, ..)| *name == t.name());
    let compartment = bounds.registry.catalog.compartment("Patient");
    let belongs = |t: ResourceType| {
        scope.context != Context::Patient || compartment.is_none_or(|compartment| !compartment.params(t).is_empty())
    };
    let named = wording::KINDS.iter().filter_map(|(name, ..)| ResourceType::parse(name));
    let mut parts: Vec<Part> = named.filter_map(of).map(|scope| Part(vec![scope])).collect();
    let rest = ResourceType::all().filter(|t| t.is_stored() && !told(*t) && belongs(*t));
    let rest: Vec<Scope> = rest.filter_map(of).collect();
    if !rest.is_empty() {
        parts.push(Part(rest));
    }
    parts
}

/// Turns what is inside something wider that was asked for, too, into an echo of that.
fn fold(entries: Vec<Entry>) -> Vec<Entry> {
    let scopes: Vec<(usize, Scope)> = entries.iter().enumerate().filter_map(scope_of).collect();
    let is_inside = |at: usize, scope: &Scope| {
        scopes.iter().any(|(other, wide)| *other != at && wide.covers(scope) && (!scope.covers(wide) || *other < at))
    };
    let fold = |(at, entry)| match entry {
        Entry::Item(item) if is_inside(at, &item.scope) => Entry::Echo(item.scope),
        entry => entry,
    };
    entries.into_iter().enumerate().map(fold).collect()
}

fn scope_of((at, entry): (usize, &Entry)) -> Option<(usize, Scope)> {
    match entry {
        Entry::Item(item) => Some((at, item.scope.clone())),
        _ => None,
    }
}

impl Offer {
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Item(item) => Some(item),
            _ => None,
        })
    }

    /// Returns whether a scope without resources is on offer: `openid`, `offline_access`.
    pub fn has(&self, plain: &str) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Plain(text) if text == plain))
    }

    pub fn is_about_patient(&self) -> bool {
        self.items().any(|item| item.scope.context == Context::Patient)
    }

    /// Returns whether there is nothing that an app could do with it.
    pub fn is_empty(&self) -> bool {
        self.items().next().is_none() && !self.has("openid")
    }

    /// Returns what a person grants by leaving everything as it is offered.
    pub fn whole(&self) -> Vec<String> {
        let text = |entry: &Entry| match entry {
            Entry::Plain(text) => text.clone(),
            Entry::Item(Item { scope, .. }) | Entry::Echo(scope) => scope.to_string(),
        };
        distinct(self.entries.iter().map(text))
    }

    /// Returns what a person grants by ticking these; what was not on offer is never among it.
    ///
    /// A part that is ticked stands instead of the whole, unless all parts of a scope for all types are.
    pub fn chosen(&self, ticked: &[&str]) -> Vec<String> {
        let is_ticked = |scope: &Scope| ticked.contains(&scope.to_string().as_str());
        let of_item = |item: &Item| -> Vec<Scope> {
            let parts: Vec<&Part> = item.parts.iter().filter(|part| part.0.iter().all(is_ticked)).collect();
            let all = item.scope.resource_type.is_none() && parts.len() == item.parts.len();
            match parts.is_empty() {
                true if is_ticked(&item.scope) => vec![item.scope.clone()],
                false if all => vec![item.scope.clone()],
                _ => parts.iter().flat_map(|part| part.0.iter().cloned()).collect(),
            }
        };
        let granted: Vec<Scope> = self.items().flat_map(of_item).collect();
        let of_entry = |entry: &Entry| -> Vec<String> {
            match entry {
                Entry::Plain(text) if SILENT.contains(&text.as_str()) || ticked.contains(&text.as_str()) => {
                    vec![text.clone()]
                }
                Entry::Plain(_) => Vec::new(),
                Entry::Item(item) => of_item(item).iter().map(ToString::to_string).collect(),
                Entry::Echo(scope) if granted.iter().any(|wide| wide.covers(scope)) => vec![scope.to_string()],
                Entry::Echo(_) => Vec::new(),
            }
        };
        distinct(self.entries.iter().flat_map(of_entry))
    }
}

/// Returns whether granted scopes let an app do anything.
pub fn is_useful(granted: &[String]) -> bool {
    granted.iter().any(|text| text == "openid" || Scope::parse(text).is_some())
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in texts {
        if !out.contains(&text) {
            out.push(text);
        }
    }
    out
}

#[cfg(test)]
mod tests;
