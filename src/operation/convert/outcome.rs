//! What is wrong with a message, as a FHIR client is told it.

use crate::fault::{Fault, Issue, Kind};
use crate::hl7v2::problem::{Code, Problem, Severity};

/// Returns the refusal of a message for the problems that it has; warnings beside errors are left out.
pub fn fault(problems: &[Problem]) -> Fault {
    Fault::from_issues(problems.iter().filter(|problem| problem.severity == Severity::Error).map(issue).collect())
}

/// Returns a problem as an issue whose expression is a place in the message, `PID-3.4`.
pub fn issue(problem: &Problem) -> Issue {
    let kind = match problem.code {
        Code::RequiredField => Kind::Required,
        Code::DataType | Code::TooLong => Kind::Value,
        Code::TableValue => Kind::Code,
        Code::UnsupportedType | Code::UnsupportedEvent | Code::UnsupportedProcessing | Code::UnsupportedVersion => {
            Kind::NotSupported
        }
        Code::SegmentSequence => Kind::Structure,
        Code::Other | Code::UnknownKey | Code::DuplicateKey | Code::Locked | Code::Internal => Kind::BusinessRule,
    };
    let expression = problem.at.map(|place| place.to_string());
    Issue { kind, diagnostics: problem.text.clone(), expression }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::Place;

    #[test]
    fn a_refusal_names_the_field_and_leaves_warnings_out() {
        let at = Place::segment("PID", 1).field(3).component(4);
        let problems = [
            Problem::warning(Code::TableValue, Place::segment("PID", 1).field(8), "no such code"),
            Problem::error(Code::RequiredField, at, "whose number it is"),
        ];
        let fault = fault(&problems);
        assert_eq!((fault.kind(), fault.issues().len()), (Kind::Required, 1));
        assert_eq!(fault.to_string(), "PID-3.4: whose number it is");
    }
}
