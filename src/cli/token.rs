//! `medilink token`: an access token for operators and tests, signed on the server's own host.

use clap::Args;
use medilink::access::role::{Right, Role};
use medilink::access::scope::{Context, Scope};
use medilink::app::{self, Failure};
use medilink::config::{self, Settings};
use medilink::fhir::ResourceId;
use medilink::oauth::Claims;

#[derive(Args)]
pub struct Token {
    /// SMART scopes, such as "system/*.rs user/Patient.cu"; and rights of systems, such as __manage_health_ids
    #[arg(long)]
    scope: String,
    /// Whom the token speaks for, such as Practitioner/1
    #[arg(long, default_value = "operator")]
    subject: String,
    /// The patient whom patient/ scopes open; otherwise the subject, where that is one
    #[arg(long, value_name = "ID", value_parser = resource_id)]
    patient: Option<String>,
    /// What the subject is, such as nurse: the token opens no more than that role may do
    #[arg(long = "role", value_name = "ROLE", value_parser = role)]
    roles: Vec<Role>,
    /// The client that the token is for
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// How long it is valid: 90s, 15m, 1h, 30d
    #[arg(long, default_value = "1h", value_parser = duration_s)]
    ttl: i64,
    #[command(flatten)]
    pub settings: config::Args,
}

/// Prints a token signed with the key of the data folder that a server with these settings uses.
pub fn run(token: Token, settings: &Settings) -> Result<(), Failure> {
    let keys = app::keys(&app::data_dir(settings)?)?;
    let signed = token.claims(&settings.base_url)?.sign(&keys);
    println!("{}", signed.map_err(|e| Failure(format!("failed to sign the token: {e:?}")))?);
    Ok(())
}

impl Token {
    fn claims(self, base_url: &str) -> Result<Claims, Failure> {
        let mut opens_patient = false;
        for part in self.scope.split_ascii_whitespace() {
            if Right::parse(part).is_some() {
                continue;
            }
            let Some(scope) = Scope::parse(part) else {
                let text = format!("'{part}' is not a scope that this server enforces, such as system/Patient.rs");
                return Err(Failure(text));
            };
            opens_patient |= scope.context == Context::Patient;
        }
        let mut claims = Claims::new(base_url, &self.subject, &self.scope, self.ttl);
        let own = self.subject.strip_prefix("Patient/").filter(|id| ResourceId::parse(id).is_some());
        claims.patient = self.patient.or_else(|| own.filter(|_| opens_patient).map(str::to_string));
        if opens_patient && claims.patient.is_none() {
            eprintln!("medilink: scopes for patient/… open nothing without --patient, or --subject Patient/…");
        }
        if !self.roles.is_empty() {
            claims.roles = self.roles.iter().map(|role| role.name().to_string()).collect();
            claims.fhir_user = self.subject.contains('/').then_some(self.subject);
        }
        claims.client_id = self.client;
        Ok(claims)
    }
}

fn role(text: &str) -> Result<Role, String> {
    let names: Vec<&str> = Role::ALL.into_iter().map(Role::name).collect();
    Role::parse(text).ok_or_else(|| format!("a role is one of {}", names.join(", ")))
}

fn resource_id(text: &str) -> Result<String, String> {
    ResourceId::parse(text).map(|_| text.to_string()).ok_or_else(|| "expected the id of a Patient".to_string())
}

/// Returns the seconds of `90s`, `15m`, `1h` or `30d`.
fn duration_s(text: &str) -> Result<i64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        other => return Err(format!("'{other}' is not one of s, m, h, d")),
    };
    let number: i64 = digits.parse().map_err(|_| "expected a number with a unit, such as 1h".to_string())?;
    let seconds = number.checked_mul(unit).filter(|s| (1..=366 * 86_400).contains(s));
    seconds.ok_or_else(|| "a token is valid for 1 s to 366 days".to_string())
}
