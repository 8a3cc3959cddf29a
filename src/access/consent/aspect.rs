//! Which resources of a type the elements of a provision cover.
//!
//! R4 <https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision>. Who asks, why and what for is decided at once; what is left
//! are conditions on class, code, time, labels and relations of the data.

use super::index::{self, Coded};
use super::label::{Labels, NORMAL};
use super::listed::{Listed, Region};
use super::provision::{Class, Data, Elements, Kind, Meaning};
use super::purpose::{self, Cover};
use super::{Action, Asker};
use crate::catalog::ParamKind;
use crate::fhir::ResourceType;
use crate::search::expr::Comparison;
use crate::search::period::{BEGINNING, END, Period};
use crate::search::{Expr, Registry};

/// Type and the parameters of its clinical time. Of other types the time is that of the last change.
const TIMES: &[(&str, &[&str])] = &[
    ("Account", &["period"]),
    ("AdverseEvent", &["date"]),
    ("AllergyIntolerance", &["date"]),
    ("Appointment", &["date"]),
    ("Basic", &["created"]),
    ("CarePlan", &["date"]),
    ("CareTeam", &["date"]),
    ("ChargeItem", &["entered-date", "occurrence"]),
    ("Claim", &["created"]),
    ("ClaimResponse", &["created"]),
    ("ClinicalImpression", &["date"]),
    ("Communication", &["received", "sent"]),
    ("CommunicationRequest", &["authored", "occurrence"]),
    ("Composition", &["date", "period"]),
    ("Condition", &["onset-date", "recorded-date"]),
    ("Consent", &["date"]),
    ("CoverageEligibilityRequest", &["created"]),
    ("CoverageEligibilityResponse", &["created"]),
    ("DetectedIssue", &["identified"]),
    ("DeviceRequest", &["authored-on", "event-date"]),
    ("DiagnosticReport", &["date"]),
    ("DocumentManifest", &["created"]),
    ("DocumentReference", &["date", "period"]),
    ("Encounter", &["date"]),
    ("EpisodeOfCare", &["date"]),
    ("ExplanationOfBenefit", &["created"]),
    ("FamilyMemberHistory", &["date"]),
    ("Flag", &["date"]),
    ("Goal", &["start-date"]),
    ("ImagingStudy", &["started"]),
    ("Immunization", &["date"]),
    ("ImmunizationEvaluation", &["date"]),
    ("ImmunizationRecommendation", &["date"]),
    ("Invoice", &["date"]),
    ("List", &["date"]),
    ("MeasureReport", &["date", "period"]),
    ("Media", &["created"]),
    ("MedicationAdministration", &["effective-time"]),
    ("MedicationDispense", &["whenhandedover", "whenprepared"]),
    ("MedicationRequest", &["authoredon"]),
    ("MedicationStatement", &["effective"]),
    ("NutritionOrder", &["datetime"]),
    ("Observation", &["date"]),
    ("Procedure", &["date"]),
    ("Provenance", &["recorded", "when"]),
    ("QuestionnaireResponse", &["authored"]),
    ("RequestGroup", &["authored"]),
    ("RiskAssessment", &["date"]),
    ("ServiceRequest", &["authored", "occurrence"]),
    ("Specimen", &["collected"]),
    ("SupplyRequest", &["date"]),
    ("Task", &["authored-on", "period"]),
    ("VisionPrescription", &["datewritten"]),
];

/// Parameters of the codes that say what a resource is about, whatever the type.
const CODES: &[&str] =
    &["category", "class", "code", "component-code", "event", "morphology", "service-type", "type", "vaccine-code"];

/// Elements with such a code that no parameter reads, beside `code` itself.
const UNREAD_CODES: &[(&str, &str)] = &[("ImagingStudy", "procedureCode"), ("NutritionOrder", "oralDiet")];

/// Types that may name a Medication, which has the code, in the place of a code.
const OF_MEDICATION: [&str; 4] =
    ["MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement"];

/// Types that may hold content of any media type which the index does not know.
const HOLDING_CONTENT: [&str; 6] =
    ["Binary", "Communication", "Consent", "DiagnosticReport", "Media", "QuestionnaireResponse"];

/// Elements that say who wrote a resource, and the parameters that read them.
const AUTHORS: [&str; 6] = ["asserter", "author", "informationSource", "performer", "recorder", "requester"];
const AUTHOR_PARAMS: &[&str] =
    &["asserter", "author", "performer", "performer-actor", "recorder", "requester", "source"];

/// A type whose resources are asked about.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub registry: &'a Registry,
    pub asker: &'a Asker,
    pub t: ResourceType,
}

impl Question<'_> {
    /// Returns what the elements of a provision of this type of rule cover.
    pub fn covered(&self, elements: &Elements, kind: Kind) -> Region {
        if elements.is_blurred {
            return Region::unknown();
        }
        // Cheap first: most rules are about somebody else.
        let mut region = Region::all();
        let asked: [&dyn Fn() -> Option<Region>; 8] = [
            &|| Some(self.actors(elements.actors.as_ref()?)),
            &|| Some(self.actions(elements.actions.as_ref()?, kind)),
            &|| Some(self.purposes(elements.purposes.as_ref()?, kind)),
            &|| Some(self.classes(elements.classes.as_ref()?)),
            &|| Some(self.data(elements.data.as_ref()?)),
            &|| Some(self.codes(elements.codes.as_ref()?)),
            &|| Some(self.times(elements.data_period.as_ref()?, kind)),
            &|| {
                let labels = elements.labels.as_ref()?;
                Some(labels.region(match kind {
                    _ if labels.known.is_empty() => Region::none(),
                    Kind::Permit => self.labels().permitted(&labels.known),
                    Kind::Deny => self.labels().denied(&labels.known),
                }))
            },
        ];
        for one in asked {
            if region.is_none() {
                return Region::none();
            }
            if let Some(next) = one() {
                region = region.and(next);
            }
        }
        region
    }

    /// Returns whether the asker is named, and not only what the asker belongs to.
    pub fn is_named(&self, elements: &Elements) -> bool {
        let itself = |actor: &str| {
            !["CareTeam/", "Group/", "HealthcareService/", "Organization/"].iter().any(|group| actor.starts_with(group))
        };
        let actors = elements.actors.as_ref();
        actors.is_some_and(|listed| listed.known.iter().any(|actor| itself(actor) && self.asker.is(actor)))
    }

    fn labels(&self) -> Labels<'_> {
        Labels { registry: self.registry, t: self.t }
    }

    fn actors(&self, actors: &Listed<Box<str>>) -> Region {
        actors.any(|actor| self.asker.is(actor))
    }

    /// To refuse that data are disclosed or used refuses access to them too.
    fn actions(&self, actions: &Listed<Action>, kind: Kind) -> Region {
        let asked = self.asker.action;
        actions.any(|named| {
            let implied = matches!(named, Action::Disclose | Action::Use) && asked == Action::Access;
            *named == asked || kind == Kind::Deny && implied
        })
    }

    fn purposes(&self, purposes: &Listed<Box<str>>, kind: Kind) -> Region {
        let asked = &self.asker.purpose;
        if kind == Kind::Deny {
            // A purpose that nobody knows may be any.
            let is_known = purpose::is_known(asked);
            let denied = purposes.any(|named| purpose::denies(named, asked));
            return if is_known { denied } else { Region { over: Expr::All, ..denied } };
        }
        let cover = purposes.known.iter().map(|named| purpose::permits(named, asked)).max().unwrap_or(Cover::None);
        purposes.region(match cover {
            Cover::None => Region::none(),
            Cover::Normal => self.labels().at_most(NORMAL).map_or_else(Region::unknown, Region::known),
            Cover::Full => Region::all(),
        })
    }

    fn classes(&self, classes: &Listed<Class>) -> Region {
        let each = classes.known.iter().map(|class| match class {
            Class::Type(t) => Region::known(if *t == self.t { Expr::All } else { Expr::None }),
            Class::Profile(canonical) => {
                // A resource may name the profile without its version.
                let url = canonical.split_once('|').map_or(&**canonical, |(url, _)| url);
                let meets = |uri: &str| index::uris(self.registry, self.t, "_profile", &[uri]);
                match (meets(canonical), meets(url)) {
                    (Some(under), Some(over)) => Region { under, over },
                    _ => Region::unknown(),
                }
            }
            Class::Mime(_) if HOLDING_CONTENT.contains(&self.t.name()) => Region::unknown(),
            Class::Mime(mime) => {
                let known = index::plain(self.registry, self.t, "contenttype", mime);
                Region::known(known.unwrap_or(Expr::None))
            }
        });
        classes.region(each.fold(Region::none(), Region::or))
    }

    fn codes(&self, codes: &Listed<(Option<Box<str>>, Box<str>)>) -> Region {
        let wanted = |certain: bool| {
            let coded = codes.known.iter().map(|(system, code)| match system {
                Some(system) => Coded::Of(system, code),
                None if certain => Coded::WithoutSystem(code),
                None => Coded::AnySystem(code),
            });
            coded.collect::<Vec<_>>()
        };
        let found = |certain| index::tokens(self.registry, self.t, CODES, &wanted(certain)).unwrap_or(Expr::None);
        let mut region = Region { under: found(true), over: found(false) };
        let name = self.t.name();
        let is_read = index::reads(self.registry, self.t, "code", ParamKind::Token) != Some(false);
        if !is_read || UNREAD_CODES.iter().any(|(t, _)| *t == name) {
            region.over = Expr::All;
        }
        if OF_MEDICATION.contains(&name) {
            let elsewhere = index::missing(self.registry, self.t, &["code"], ParamKind::Token);
            region.over = Expr::or([region.over, elsewhere]);
        }
        codes.region(region)
    }

    /// A permit wants all times of a resource to lie in the period, a refusal is met by any that touches it.
    fn times(&self, periods: &Listed<Period>, kind: Kind) -> Region {
        let params = TIMES.iter().find(|(t, _)| *t == self.t.name()).map_or(&[][..], |(_, params)| params);
        let dated = |param: &str, comparison, period| index::dated(self.registry, self.t, &[param], comparison, period);
        let missing = |params: &[&str]| index::missing(self.registry, self.t, params, ParamKind::Date);
        let each = periods.known.iter().map(|period| {
            let updated = match kind {
                Kind::Permit => Expr::Updated { from: period.lo, to: period.hi },
                // What has no time of change yet is met too.
                Kind::Deny => Expr::not(Expr::or([
                    Expr::Updated { from: BEGINNING, to: period.lo - 1 },
                    Expr::Updated { from: period.hi + 1, to: END },
                ])),
            };
            let updated = Expr::and([missing(params), updated]);
            let by_time = match kind {
                Kind::Deny => Expr::or(params.iter().map(|param| dated(param, Comparison::Ap, *period))),
                Kind::Permit => {
                    let within = params.iter().map(|param| {
                        let outside = dated(param, Comparison::Ne, *period);
                        Expr::not(outside)
                    });
                    Expr::and(within.chain([Expr::not(missing(params))]))
                }
            };
            Region::known(Expr::or([by_time, updated]))
        });
        periods.region(each.fold(Region::none(), Region::or))
    }

    fn data(&self, data: &Listed<Data>) -> Region {
        let each = data.known.iter().map(|data| {
            let of_type = data.also.iter().chain(&data.through).chain([&data.to]).filter(|(t, _)| *t == self.t);
            let ids: Vec<_> = of_type.map(|(_, id)| id.clone()).collect();
            let themselves = if ids.is_empty() { Expr::None } else { Expr::Ids(ids) };
            match data.meaning {
                Meaning::Instance => Region::known(if data.to.0 == self.t { themselves } else { Expr::None }),
                Meaning::Related | Meaning::Dependents => {
                    let hubs: Vec<_> = data.through.iter().chain([&data.to]).cloned().collect();
                    let refers = index::refers(self.registry, self.t, None, &hubs).unwrap_or(Expr::None);
                    Region::known(Expr::or([themselves, refers]))
                }
                Meaning::AuthoredBy => self.authored(data),
            }
        });
        data.region(each.fold(Region::none(), Region::or))
    }

    fn authored(&self, data: &Data) -> Region {
        let writers: Vec<_> = data.also.iter().chain(&data.through).chain([&data.to]).cloned().collect();
        let found = index::refers(self.registry, self.t, Some(AUTHOR_PARAMS), &writers).unwrap_or(Expr::None);
        let is_unread =
            |element: &str| index::reads(self.registry, self.t, element, ParamKind::Reference) == Some(false);
        let over = if AUTHORS.iter().any(|element| is_unread(element)) { Expr::All } else { found.clone() };
        Region { under: found, over }
    }
}
