//! The laboratory of the demo hospital: a feed, so that a message can be sent at once.

use medilink::app::{Factory, Failure};
use medilink::config::Settings;
use medilink::fault::{Fault, Kind};
use medilink::feed::register::{self, New};
use medilink::oauth::clients::By;

/// Numbers of patients and staff are those of the hospital that the demo loads.
const SETTINGS: &str = r#"# The laboratory of the demo hospital.
patient_system = "urn:demo:mrn"
makes_patients = false

[systems]
MRN = "urn:demo:mrn"
STAFF = "urn:demo:staff"
"#;

/// Registers the feed where it is not there yet, and returns how to send it a message where messages are taken.
pub async fn make(factory: &Factory, settings: &Settings) -> Result<Option<String>, Failure> {
    let failed = |e: Fault| Failure(format!("failed to register the feed of the demo: {e}"));
    let service = factory.service().map_err(failed)?;
    let new = New {
        id: "lab".into(),
        application: Some("LAB".into()),
        facility: Some("RIVERSIDE".into()),
        settings: SETTINGS.into(),
        ..New::default()
    };
    let by = By { principal: "operator", request: &uuid::Uuid::new_v4().to_string() };
    match register::add(service.store(), new, &by).await {
        // An earlier start registered it, or somebody plays with feeds of their own.
        Err(fault) if matches!(fault.kind(), Kind::Duplicate | Kind::BusinessRule) => {}
        added => drop(added.map_err(failed)?),
    }
    Ok(settings.mllp_listen.map(|listen| {
        format!(
            "The laboratory may send HL7 v2. In bash, from the folder of the sources:\n\n\
             send() {{ exec 3<>/dev/tcp/{}/{}; {{ printf '\\v'; tr '\\n' '\\r' < $1; printf '\\034\\r'; }} >&3; \
             timeout 2 cat <&3 | tr '\\r' '\\n'; }}\n\
             send fixtures/demo/result.hl7\n",
            listen.ip(),
            listen.port()
        )
    }))
}
