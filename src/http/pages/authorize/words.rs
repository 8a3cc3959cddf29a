//! From an offer to the consent page: boxes, and the words beside them.

use super::{Way, find};
use crate::access::scope::Context;
use crate::fhir::ResourceType;
use crate::oauth::scope::{Item, Offer};
use crate::oauth::wording::{deeds, title};
use crate::page::Frame;
use crate::page::consent::{App, Consent, Group, Tick};
use crate::store::identity::client::Client;
use serde_json::Value;

/// Returns the consent page. `about` is the patient, `seen` the visit.
pub fn consent(frame: Frame, way: &Way, offer: &Offer, about: Option<&Value>, seen: Option<&Value>) -> Consent {
    let own_id = way.session.account.fhir_user.as_ref().filter(|(t, _)| *t == ResourceType::PATIENT);
    let is_own = own_id.is_some_and(|(_, id)| way.request.patient() == Some(id.as_str()));
    let name = about.map_or_else(|| "the patient".to_string(), find::person_name);
    let whom = match (is_own, about) {
        _ if way.request.patient().is_none() => None,
        (true, _) => Some("you".to_string()),
        (false, None) => Some(name.clone()),
        (false, Some(patient)) => {
            Some(format!("{name}, {}", find::person_detail(patient)).trim_end_matches(", ").into())
        }
    };
    let titles = [
        (Context::Patient, if is_own { "Records about you".to_string() } else { format!("Records about {name}") }),
        (
            Context::User,
            if own_id.is_some() {
                "All records that you may use".into()
            } else {
                "Records of all patients, as far as you may use them".into()
            },
        ),
    ];
    let ticks = |context: Context| {
        let items = offer.items().enumerate().filter(move |(_, item)| item.scope.context == context);
        items.map(|(i, item)| tick(i, item, is_own && context == Context::Patient)).collect::<Vec<_>>()
    };
    let groups = titles.into_iter().map(|(context, title)| Group { title, ticks: ticks(context) });
    Consent {
        frame,
        request: way.id.clone(),
        app: app(way),
        whom,
        visit: seen.map(find::visit_name),
        groups: groups.filter(|group| !group.ticks.is_empty()).collect(),
        others: others(offer),
        is_lasting: offer.has("offline_access"),
    }
}

fn tick(i: usize, item: &Item, own: bool) -> Tick {
    let whole = deeds(&item.scope);
    let is_many = item.scope.resource_type.is_none();
    let parts = item.parts.iter().enumerate().map(|(j, part)| {
        let title = match part.0.as_slice() {
            [one] if is_many => title(one, own),
            [one] => lower(&title(one, own)),
            _ => "Everything else that there is".into(),
        };
        let hint =
            part.0.first().map(deeds).filter(|hint| is_many && !part.is_rest() && *hint != whole).unwrap_or_default();
        Tick { id: format!("scope-{i}-{j}"), value: part.value(), title, hint, ..Tick::default() }
    });
    let (value, title) = (item.scope.to_string(), title(&item.scope, own));
    Tick { id: format!("scope-{i}"), value, title, parts: parts.collect(), hint: whole, is_many }
}

/// Returns the boxes that are about no records.
fn others(offer: &Offer) -> Vec<Tick> {
    const WORDS: &[(&[&str], &str, &str)] = &[
        (
            &["openid", "fhirUser", "profile"],
            "Know who you are",
            "Your number in this system and the record that is yours",
        ),
        (
            &["offline_access"],
            "Access while you are away",
            "The app can go on after you have signed out, until you end it",
        ),
        (&["online_access"], "Access as long as you are signed in", "It ends when you sign out"),
    ];
    let tick = |(i, (scopes, title, hint)): (usize, &(&[&str], &str, &str))| {
        let here: Vec<&str> = scopes.iter().copied().filter(|scope| offer.has(scope)).collect();
        let id = format!("other-{i}");
        let (title, hint) = (title.to_string(), hint.to_string());
        (!here.is_empty()).then(|| Tick { id, value: here.join(" "), title, hint, ..Tick::default() })
    };
    WORDS.iter().enumerate().filter_map(tick).collect()
}

fn app(way: &Way) -> App {
    let metadata = &way.client.metadata;
    // Only an address on the web is made a link: an app could name anything.
    let link = |url: &Option<String>| url.clone().filter(|url| url.starts_with("https://"));
    let back_to = url::Url::parse(&way.request.redirect_uri).map_or_else(
        |_| "the app".to_string(),
        |url| url.host_str().map_or_else(|| format!("{}:", url.scheme()), str::to_string),
    );
    App {
        name: metadata.client_name.clone(),
        site: link(&metadata.client_uri),
        terms: link(&metadata.tos_uri),
        privacy: link(&metadata.policy_uri),
        back_to,
        is_verified: is_by_hand(&way.client),
    }
}

fn lower(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Returns whether an administrator has registered the client: those that register themselves are named by a UUID.
fn is_by_hand(client: &Client) -> bool {
    uuid::Uuid::try_parse(&client.id).is_err()
}
