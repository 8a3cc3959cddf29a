//! The codes of a value set that an element is bound to.
//!
//! R4 <https://hl7.org/fhir/R4/terminologies.html#code>: a plain `code` carries no system, its value set implies it.

/// The complete list of a value set, or the note that it cannot be listed.
#[derive(Debug)]
pub struct CodeSet {
    pub url: Box<str>,
    /// Whether the codes are not known here (media types, currencies, UCUM): then every code passes.
    pub open: bool,
    systems: Box<[Box<str>]>,
    /// Sorted by code; the number is the place of its system.
    codes: Box<[(Box<str>, u16)]>,
}

impl CodeSet {
    pub(super) fn new<'a>(url: &str, open: bool, by_system: impl Iterator<Item = (&'a str, &'a [&'a str])>) -> CodeSet {
        let mut systems = Vec::new();
        let mut codes: Vec<(Box<str>, u16)> = Vec::new();
        for (number, (system, listed)) in (0..).zip(by_system) {
            systems.push(Box::from(system));
            codes.extend(listed.iter().map(|code| (Box::from(*code), number)));
        }
        codes.sort();
        CodeSet { url: url.into(), open, systems: systems.into(), codes: codes.into() }
    }

    /// Returns whether an element bound to this may hold the code.
    pub fn contains(&self, code: &str) -> bool {
        self.open || self.find(code).is_some()
    }

    /// Returns the code system that the code belongs to, as search by `system|code` needs.
    pub fn system_of(&self, code: &str) -> Option<&str> {
        self.find(code).map(|i| &*self.systems[usize::from(self.codes[i].1)])
    }

    /// Returns every code, sorted; none where the set is open.
    pub fn codes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.codes.iter().map(|(code, _)| &**code)
    }

    /// Returns every code with its system; none where the set is open.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.codes.iter().map(|(code, system)| (&*self.systems[usize::from(*system)], &**code))
    }

    fn find(&self, code: &str) -> Option<usize> {
        self.codes.binary_search_by(|(known, _)| (**known).cmp(code)).ok()
    }
}
