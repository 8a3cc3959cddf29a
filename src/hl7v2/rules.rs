//! What a feed says of itself: whose identifiers it sends, where its clocks are, and which of its codes mean something else.

use super::network::Network;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The rules by which the messages of one feed are converted.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Begins the systems of identifiers whose authority has no URI: `urn:x-v2:{facility}:{authority}`. Otherwise MSH-4.
    pub facility: Option<String>,
    /// Times without an offset are of this zone, where MSH-7 has none either.
    pub zone: TimeZone,
    /// URIs of assigning authorities, by HD.1 or HD.2.
    pub systems: BTreeMap<String, String>,
    /// The authority of PID-3 where it names none, as a URI.
    pub patient_system: Option<String>,
    /// URIs of coding systems, by CWE.3; that of units which name none stands under the empty name.
    pub coding_systems: BTreeMap<String, String>,
    /// Local codes and what they mean in the table of the standard: by table (`HL70001`), then by code.
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
    /// MSH-11 that is taken over; other messages are refused.
    pub processing: Vec<String>,
    /// Whether messages that are no ADT may make a Patient that is not there.
    pub makes_patients: bool,
    /// Whether what a message lacks is a warning where it would otherwise be refused: who the patient is, segments and fields that its event needs.
    pub accepts_incomplete: bool,
    /// From where messages are taken; from anywhere where it is empty.
    pub addresses: Vec<Network>,
    /// Character set of messages whose MSH-18 names none.
    pub charset: Option<String>,
    /// Begins the URLs of our own extensions and identifiers: `canonical_base`.
    pub canonical_base: String,
}

impl Rules {
    /// Returns whether messages from an address are taken; where it is none, only if they are from anywhere.
    pub fn takes_from(&self, address: &str) -> bool {
        let address = address.parse::<IpAddr>();
        self.addresses.is_empty() || address.is_ok_and(|address| self.addresses.iter().any(|own| own.contains(address)))
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            facility: None,
            zone: TimeZone::UTC,
            systems: BTreeMap::new(),
            patient_system: None,
            coding_systems: BTreeMap::new(),
            tables: BTreeMap::new(),
            processing: ["P", "T", "D"].map(String::from).to_vec(),
            makes_patients: true,
            accepts_incomplete: false,
            addresses: Vec::new(),
            charset: None,
            canonical_base: "https://medilink.example/fhir".to_string(),
        }
    }
}
