//! OperationOutcome: what is told to a client when something is refused, or worth saying.
//!
//! R4 <https://hl7.org/fhir/R4/operationoutcome.html>.

use crate::fault::{Fault, Issue, Kind};
use serde_json::{Value, json};

/// Returns the OperationOutcome of a refusal, one `issue` for each thing that is wrong.
pub fn of_fault(fault: &Fault) -> Value {
    let severity = if fault.status() >= 500 && fault.status() != 503 { "fatal" } else { "error" };
    of_issues(fault.issues(), severity)
}

pub fn of_issues(issues: &[Issue], severity: &str) -> Value {
    let issues: Vec<Value> = issues
        .iter()
        .map(|i| {
            let mut issue = json!({
                "severity": severity,
                "code": i.kind.row().issue,
                "diagnostics": i.diagnostics,
            });
            if i.kind == Kind::Withheld {
                issue["severity"] = "information".into();
                let system = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
                issue["details"] =
                    json!({"coding": [{"system": system, "code": "ETREAT", "display": "Emergency Treatment"}]});
            }
            if let Some(expression) = &i.expression {
                issue["expression"] = json!([expression]);
            }
            issue
        })
        .collect();
    json!({"resourceType": "OperationOutcome", "issue": issues})
}

/// Returns an OperationOutcome that only informs.
pub fn informational(diagnostics: &str) -> Value {
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational", "diagnostics": diagnostics}],
    })
}
