//! Reads the expression of a search parameter as paths into the resource, where it is no more than that.
//!
//! R4 <https://hl7.org/fhir/R4/searchparameter.html#SearchParameter.expression>. Nearly all expressions of R4 are
//! unions of plain paths with `as`, `ofType`, `extension`, `where(element='text')` and `where(resolve() is Type)`.
//! Those are joined into one walk over the resource; what is more than that stays text, for FHIRPath to evaluate.

use crate::fhir::ResourceType;

/// One branch of a union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Branch {
    Path(Path),
    /// Needs an evaluator.
    Computed(Box<str>),
}

/// A plain path, without the name of the type it starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    pub steps: Vec<Step>,
    /// `where(resolve() is Type)` at the end: the branch means references to this type alone.
    pub resolves: Option<ResourceType>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An element, `[x]` left out.
    Element(Box<str>),
    /// Only values of this type.
    As(Box<str>),
    /// Only objects in which the element is the text.
    Where { element: Box<str>, text: Box<str> },
}

/// Returns the branches of an expression that apply to resources of type `t`.
pub fn branches(expression: &str, t: ResourceType) -> Vec<Branch> {
    let mut out: Vec<Branch> = Vec::new();
    for text in split_union(expression).into_iter().filter(|text| !text.is_empty()) {
        if root_of(text).is_some_and(|root| root != t.name() && root != "Resource" && root != "DomainResource") {
            continue;
        }
        let branch = read(text).map_or_else(|| Branch::Computed(text.into()), Branch::Path);
        if !out.contains(&branch) {
            out.push(branch);
        }
    }
    out
}

/// Returns the name of the type that the expression starts with; none where it starts with an element.
fn root_of(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['(', ' ']);
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    text[..end].starts_with(|c: char| c.is_ascii_uppercase()).then_some(&text[..end])
}

/// Returns the parts between the `|` that stand outside parentheses and quotes.
fn split_union(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut quoted, mut start) = (Vec::new(), 0, false, 0);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            '|' if !quoted && depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Returns the path of a branch; none when it is more than a path.
fn read(text: &str) -> Option<Path> {
    let mut reader = Reader { rest: text };
    let path = reader.branch()?;
    reader.rest.trim().is_empty().then_some(path)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn branch(&mut self) -> Option<Path> {
        let mut path = Path::default();
        if self.eat("(") {
            path = self.branch()?;
            self.eat(")").then_some(())?;
        } else {
            let name = self.name()?;
            if name.starts_with(|c: char| c.is_ascii_lowercase()) {
                path.steps.push(Step::Element(name.into()));
            }
        }
        loop {
            if self.eat(" as ") {
                path.steps.push(Step::As(self.name()?.into()));
            } else if self.eat(".") {
                self.step(&mut path)?;
            } else {
                return Some(path);
            }
        }
    }

    fn step(&mut self, path: &mut Path) -> Option<()> {
        if path.resolves.is_some() {
            return None;
        }
        let name = self.name()?;
        let mut value_of_extension = false;
        if !self.eat("(") {
            path.steps.push(Step::Element(name.into()));
            return Some(());
        }
        match name {
            "as" | "ofType" => path.steps.push(Step::As(self.name()?.into())),
            "extension" => {
                path.steps.push(Step::Element("extension".into()));
                path.steps.push(Step::Where { element: "url".into(), text: self.quoted()?.into() });
                // Some write the value out, others leave it away.
                value_of_extension = true;
            }
            "where" if self.eat("resolve() is ") => path.resolves = Some(ResourceType::parse(self.name()?)?),
            "where" => {
                let element = self.name()?.into();
                self.eat(" ");
                self.eat("=").then_some(())?;
                self.eat(" ");
                path.steps.push(Step::Where { element, text: self.quoted()?.into() });
            }
            _ => return None,
        }
        self.eat(")").then_some(())?;
        if value_of_extension && !self.rest.starts_with(".value") {
            path.steps.push(Step::Element("value".into()));
        }
        Some(())
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn name(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then_some(name)
    }

    fn quoted(&mut self) -> Option<&'a str> {
        let (text, rest) = self.rest.strip_prefix('\'')?.split_once('\'')?;
        self.rest = rest;
        (!text.contains('\\')).then_some(text)
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            let dot = if i > 0 { "." } else { "" };
            match step {
                Step::Element(name) => write!(f, "{dot}{name}")?,
                Step::As(name) => write!(f, "{dot}ofType({name})")?,
                Step::Where { element, text } => write!(f, "{dot}where({element}='{text}')")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, t: &str, expected: &[&str]) {
        let t = ResourceType::parse(t).unwrap();
        let seen: Vec<String> = branches(expression, t)
            .into_iter()
            .map(|branch| match branch {
                Branch::Path(path) => match path.resolves {
                    Some(target) => format!("{path} -> {target}"),
                    None => path.to_string(),
                },
                Branch::Computed(text) => format!("computed {text}"),
            })
            .collect();
        assert_eq!(seen, expected, "{expression}");
    }

    #[test]
    fn plain_expressions_are_paths_and_others_stay_text() {
        check("Patient.name | Person.name", "Patient", &["name"]);
        check("Resource.meta.tag", "Patient", &["meta.tag"]);
        check(
            "(Observation.value as Quantity) | (Observation.value as SampledData)",
            "Observation",
            &["value.ofType(Quantity)", "value.ofType(SampledData)"],
        );
        check("(Observation.value as CodeableConcept).text", "Observation", &["value.ofType(CodeableConcept).text"]);
        check("Condition.onset.as(dateTime)", "Condition", &["onset.ofType(dateTime)"]);
        check("CarePlan.subject.where(resolve() is Patient)", "CarePlan", &["subject -> Patient"]);
        check("Person.telecom.where(system='email')", "Person", &["telecom.where(system='email')"]);
        check(
            "Patient.extension('http://a.example/b|c')",
            "Patient",
            &["extension.where(url='http://a.example/b|c').value"],
        );
        check(
            "Patient.extension('http://a.example').value as Quantity",
            "Patient",
            &["extension.where(url='http://a.example').value.ofType(Quantity)"],
        );
        check(
            "Patient.deceased.exists() and Patient.deceased != false",
            "Patient",
            &["computed Patient.deceased.exists() and Patient.deceased != false"],
        );
        check("Patient.deceased.exists() | Person.name", "Group", &[]);
        check("Bundle.entry[0].resource", "Bundle", &["computed Bundle.entry[0].resource"]);
        check("Patient.name|Patient.name", "Patient", &["name"]);
        check("name | alias", "Organization", &["name", "alias"]);
        check("", "Patient", &[]);
    }
}
